"""A second transmitter, written from modem/README.md alone.

Only the tables of the LDPC and polar codes come from the modem. The reference for Reed-Solomon is
reedsolo, the CRCs are computed bit by bit.
"""

from math import ceil, floor, gcd, log2, sqrt

import numpy as np
import pytest
import reedsolo
from scipy.special import erfinv

import modem
import modem.channel
from modem.fec import polar
from modem.fec.ldpc import LdpcCode

# rate, N, prefix, first bin, last bin, P, S, root, T, lead-in; and for the speeds tested:
# number: (SNR of its rung [dB], highest carrier [Hz]), with S and prefix where they are others
PROFILES = {
    "phone": (
        (8000, 1024, 32, 39, 435, 28, 20, 1, 0.064, 0.3),
        {3: (-3.0, 3400), 27: (19.5, 3400, 17, 200), 37: (23.0, 3400), 56: (40.0, 3400)},
    ),
    "mp3": (
        (48000, 4096, 32, 9, 1706, 54, 38, 1, 0.032, 0.1),
        {1: (0.0, 5000), 18: (6.75, 12500), 45: (22.0, 20000)},
    ),
    "cable": (
        (48000, 2048, 32, 9, 968, 84, 44, -1, 0.032, 0.1),
        {2: (2.0, 22700), 20: (23.0, 22700), 54: (57.0, 22700)},
    ),
    "air": (
        (48000, 16384, 2048, 86, 6144, 32, 10, 1, 0.128, 0.1),
        {8: (4.0, 18000)},
    ),
}
LEVEL_DBFS = -13.0


def golden(m: int) -> np.ndarray:
    g = max(round(0.6180339887 * m), 1)
    while gcd(g, m) != 1:
        g += 1
    return np.arange(m) * g % m


def crc(data: bytes, width: int, polynomial: int, register: int) -> int:
    for byte in data:
        for bit in f"{byte:08b}":
            carry = register >> (width - 1) ^ int(bit)
            register = register << 1 & (1 << width) - 1
            register ^= polynomial * carry
    return register


def bits_of(data: bytes) -> list[int]:
    return [int(bit) for byte in data for bit in f"{byte:08b}"]


def prbs(size: int) -> np.ndarray:
    y = [1] * 23
    while len(y) < size:
        y.append(y[-18] ^ y[-23])
    return np.array(y[:size], np.uint8)


def axis(bits: np.ndarray, shape: float) -> np.ndarray:
    """(cells, h) bits to amplitudes."""
    h = bits.shape[1]

    def value(row: np.ndarray) -> np.ndarray:
        signs = 1 - 2.0 * row
        v = signs[:, h - 1]
        for j in range(h - 2, -1, -1):
            v = signs[:, j] * (2 ** (h - 1 - j) - v)
        return erfinv(shape * v / 2**h) if shape else v

    every = (np.arange(2**h)[:, None] >> np.arange(h)) & 1
    return value(bits) / sqrt(2 * np.mean(value(every) ** 2))


def qam(bits: np.ndarray, shape: float = 0.0) -> np.ndarray:
    h = bits.shape[1] // 2
    return axis(bits[:, :h], shape) + 1j * axis(bits[:, h:], shape)


class Second:
    """All of the format for one profile and speed."""

    def __init__(self, name: str, speed: int) -> None:
        values, speeds = PROFILES[name]
        (self.rate, self.N, self.C, first, last, self.P, self.S, self.root, self.T, self.lead) = (
            values
        )
        rung, top, *form = speeds[speed]
        self.S, self.prefix = form or (self.S, self.C)
        self.speed = speed
        self.bins = np.arange(first, last + 1)
        self.n = self.bins.size
        self.loaded = int((self.bins * self.rate / self.N <= top).sum())
        per_cell = log2(1 + 10 ** (rung / 10))
        self.order = 2 * max(ceil(per_cell / 1.6), 1)
        cells = self.S * (self.loaded - self.loaded // self.P)
        least = max(ceil(cells * per_cell / 8448), 3)
        self.full = next(d for d in range(1, 256) if d + d // 32 >= least)
        blocks = self.full + self.full // 32
        self.k = 8 * floor(cells * per_cell / blocks / 8)
        self.r = blocks * self.k / (cells * self.order)
        self.shape = 0.0 if self.order == 2 else 0.97 - 2.1 * max(self.r - 0.6, 0.0) ** 2
        i = np.arange(self.n)
        self.ref = np.exp(-1j * np.pi * i**2 / self.n)

    def symbols(self, cells: np.ndarray, prefix: int) -> np.ndarray:
        """(symbols, carriers) to samples: a sum of cosines and sines each."""
        t = np.arange(-prefix, self.N)
        circle = np.exp(2j * np.pi * np.arange(self.N) / self.N)
        out = np.zeros((len(cells), t.size))
        for parts in np.array_split(np.arange(self.n), 1 + self.n // 100):
            turn = circle[np.outer(self.bins[parts], t) % self.N]
            out += cells[:, parts].real @ turn.real - cells[:, parts].imag @ turn.imag
        return sqrt(2 / self.n) * out.reshape(-1)

    def preamble(self) -> np.ndarray:
        a = round(400 * self.T)
        tones = round(3200 * self.T) - a + 1
        k = np.arange(tones)
        t = np.arange(round(self.T * self.rate)) / self.rate
        phase = 2 * np.pi * np.outer(t, (a + k) / self.T) - np.pi * self.root * k**2 / tones
        x = np.cos(phase).sum(axis=1)
        return x / np.sqrt(np.mean(x**2))

    def sync(self, data_blocks: int, last: bool, number: int) -> np.ndarray:
        text = f"{0:02b}{self.speed:06b}{data_blocks:08b}{int(last)}{number:016b}{0:015b}"
        data = int(text, 2).to_bytes(6, "big")
        word = np.array(bits_of(data + crc(data, 16, 0x1021, 0xFFFF).to_bytes(2, "big")))
        u = np.zeros(256, np.int64)
        u[polar._INFO_PLACES] = word
        kernel = np.array([[1]])
        for _ in range(8):
            kernel = np.kron(kernel, [[1, 0], [1, 1]])
        cells = qam((u @ kernel % 2).reshape(128, 2))
        out = self.ref.copy()
        count = out[1::2].size
        out[1::2] *= cells[golden(128)[np.arange(count) % 128]]
        return out

    def payload(self, packets: list[bytes]) -> np.ndarray:
        d, parity = len(packets), len(packets) // 32
        b = d + parity
        columns = [bytes(column) for column in zip(*packets, strict=True)]
        codec = reedsolo.RSCodec(parity) if parity else None
        words = [bytes(codec.encode(c)) if codec else c for c in columns]
        blocks = [bytes(row) for row in zip(*words, strict=True)]
        q = round(0.618 * self.P)
        while gcd(q, self.P) != 1:
            q += 1
        comb = np.arange(self.loaded // self.P) * self.P
        places: list[np.ndarray] = []
        grid = np.zeros((self.S, self.n), complex)
        for s in range(self.S):
            if self.order * sum(p.size for p in places) >= b * ceil(self.k / self.r):
                break
            pilots = comb + s * q % self.P
            grid[s, pilots] = self.ref[pilots]
            places.append(s * self.n + np.setdiff1d(np.arange(self.loaded), pilots))
        symbols, cells = len(places), np.concatenate(places)
        slots = cells.size * self.order
        length = min(slots // b, floor(self.k / 0.21))
        information = []
        for block in blocks:
            check = crc(block, 24, 0x864CFB, 0) ^ 0xFFFFFF
            information.append(bits_of(block + check.to_bytes(3, "big")))
        coded = LdpcCode(self.k, length).encode(np.array(information, np.uint8))
        h = self.order // 2
        strength = h - 1 - np.arange(slots) % self.order % h
        ordered = []
        for value in range(h - 1, -1, -1):
            equal = np.flatnonzero(strength == value)
            ordered.append(equal[golden(equal.size)])
        place = np.concatenate(ordered)[: b * length]
        bits = prbs(slots)
        t = np.arange(b * length)
        bits[place] ^= coded[t % b, t // b]
        grid.reshape(-1)[cells] = qam(bits.reshape(-1, self.order), self.shape)
        return grid[:symbols] * sqrt(self.n / self.loaded)

    def transmission(self, packets: list[bytes]) -> np.ndarray:
        lead = np.resize(self.symbols(self.ref[None], 0), round(self.lead * self.rate))
        rise = self.rate // 50
        lead[:rise] *= np.linspace(0, 1, rise)
        parts = [lead]
        for number, start in enumerate(range(0, len(packets), self.full)):
            some = packets[start : start + self.full]
            last = start + self.full >= len(packets)
            parts.append(self.preamble())
            sync = self.sync(len(some), last, number)
            parts.append(self.symbols(sync[None], 2 * self.C))
            parts.append(self.symbols(self.payload(some), self.prefix))
        scaled = np.clip(np.concatenate(parts) * 10 ** (LEVEL_DBFS / 20), -1, 1)
        return np.concatenate((scaled, np.zeros(round(0.05 * self.rate)))).astype(np.float32)


CASES = [(name, speed) for name, (_, speeds) in PROFILES.items() for speed in speeds]


@pytest.mark.parametrize(("name", "speed"), CASES)
def test_its_samples_are_ours_and_the_receiver_reads_them(listen, name, speed) -> None:
    second = Second(name, speed)
    tx = modem.Transmitter(modem.profiles[name], speed)
    assert tx.packet_bytes == (second.k - 24) // 8
    rng = np.random.default_rng(speed)
    packets = [rng.bytes(tx.packet_bytes) for _ in range(second.full + 1)]
    samples = second.transmission(packets)
    ours = np.concatenate((tx.process(packets), tx.flush()))
    assert ours.size == samples.size
    np.testing.assert_allclose(samples, ours, atol=1e-4)
    heard = listen(*modem.channel.parse("noise=-75", 1).apply(samples, second.rate))
    assert list(heard.packets) == packets
