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

# rate, N, prefix, first bin, last bin, P, S, root, T, lead-in, and where they are not 0 and 1 the
# variant and lanes; and for the speeds tested:
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
    "cable192": (
        (192000, 8192, 128, 9, 3904, 84, 44, -1, 0.032, 0.1, 2, 1),
        {1: (3.0, 91500), 20: (31.0, 91500)},
    ),
    "stereo": (
        (48000, 2048, 32, 9, 968, 84, 44, -1, 0.032, 0.1, 3, 2),
        {14: (22.5, 22700)},
    ),
    "stereo192": (
        (192000, 8192, 128, 9, 3904, 84, 32, -1, 0.032, 0.1, 5, 2),
        {17: (27.0, 91500)},
    ),
    "air": (
        (48000, 16384, 2048, 86, 6144, 32, 10, 1, 0.128, 0.1),
        {8: (4.0, 18000)},
    ),
}
LEVEL_DBFS = {"phone": -12.0}  # of the others it is -13


def golden(m: int) -> np.ndarray:
    g = max(round(0.6180339887 * m), 1)
    while gcd(g, m) != 1:
        g += 1
    return np.arange(m) * g % m


def crc(bits: np.ndarray, width: int, polynomial: int, register: int) -> np.ndarray:
    """Of each row of bits, as rows of bits."""
    state = np.full(len(bits), register)
    for column in bits.T.astype(np.int64):
        carry = state >> (width - 1) ^ column
        state = state << 1 & (1 << width) - 1 ^ polynomial * carry
    return (state[:, None] >> np.arange(width - 1, -1, -1) & 1).astype(np.uint8)


def prbs(size: int) -> np.ndarray:
    y = np.ones(size, np.uint8)
    for t in range(23, size, 18):
        more = y[t - 18 : t] ^ y[t - 23 : t - 5]
        y[t : t + 18] = more[: size - t]
    return y


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
        self.level_dbfs = LEVEL_DBFS.get(name, -13.0)
        (self.rate, self.N, self.C, first, last, self.P, self.S, self.root, self.T, self.lead) = (
            values[:10]
        )
        self.variant, self.lanes = values[10:] or (0, 1)
        rung, top, *form = speeds[speed]
        self.S, self.prefix = form or (self.S, self.C)
        self.speed = speed
        self.bins = np.arange(first, last + 1)
        self.n = self.bins.size
        self.loaded = int((self.bins * self.rate / self.N <= top).sum())
        per_cell = log2(1 + 10 ** (rung / 10))
        self.order = 2 * max(ceil(per_cell / 1.6), 1)
        cells = self.lanes * self.S * (self.loaded - self.loaded // self.P)
        least = max(ceil(cells * per_cell / 8448), 3)
        self.full = next(d for d in range(1, 4096) if d + d // 64 >= least)
        blocks = self.full + self.full // 64
        self.k = 8 * floor(cells * per_cell / blocks / 8)
        self.r = blocks * self.k / (cells * self.order)
        self.shape = 0.0 if self.order == 2 else 0.97 - 2.1 * max(self.r - 0.6, 0.0) ** 2
        i = np.arange(self.n)
        self.header_band = 960 if self.P == 84 else self.n  # the cable's family or not
        self.ref = np.exp(-1j * np.pi * i**2 / self.header_band)

    def symbol(self, cells: np.ndarray, prefix: int) -> np.ndarray:
        spectrum = np.zeros(self.N, complex)
        spectrum[self.bins] = cells
        body = sqrt(2 / self.n) * self.N * np.fft.ifft(spectrum).real
        return np.concatenate((body[self.N - prefix :], body))

    def preamble(self) -> np.ndarray:
        a = round(400 * self.T)
        tones = round(3200 * self.T) - a + 1
        k = np.arange(tones)
        t = np.arange(round(self.T * self.rate)) / self.rate
        phase = 2 * np.pi * np.outer(t, (a + k) / self.T) - np.pi * self.root * k**2 / tones
        x = np.cos(phase).sum(axis=1)
        return x / np.sqrt(np.mean(x**2))

    def sync(self, data_blocks: int, last: bool, number: int) -> np.ndarray:
        text = f"{0:02b}{self.variant:03b}{self.speed:08b}{data_blocks:012b}"
        text += f"{int(last)}{number:016b}{0:06b}"
        fields = np.array([[int(bit) for bit in text]])
        u = np.zeros(256, np.int64)
        u[polar._INFO_PLACES] = np.concatenate((fields[0], crc(fields, 16, 0x1021, 0xFFFF)[0]))
        kernel = np.array([[1]])
        for _ in range(8):
            kernel = np.kron(kernel, [[1, 0], [1, 1]])
        cells = qam((u @ kernel % 2).reshape(128, 2))
        out = self.ref.copy()
        places = np.arange(1, self.header_band, 2)
        out[places] *= cells[golden(128)[np.arange(places.size) % 128]]
        return out

    def blocks(self, packets: list[bytes]) -> list[bytes]:
        """Packets and the parity packets behind them."""
        d, parity = len(packets), len(packets) // 64
        out = packets + [b""] * parity
        groups = ceil((d + parity) / 255)
        for first in range(groups):
            data = range(first, d, groups)
            check = [i for i in range(d, d + parity) if i % groups == first]
            if not check:
                continue
            codec = reedsolo.RSCodec(len(check))
            words = [codec.encode(bytes(c)) for c in zip(*(out[i] for i in data), strict=True)]
            for place, i in enumerate(check, len(data)):
                out[i] = bytes(word[place] for word in words)
        return out

    def payload(self, packets: list[bytes]) -> np.ndarray:
        """(symbols, lanes, n) cells."""
        blocks = self.blocks(packets)
        b = len(blocks)
        q = round(0.618 * self.P)
        while gcd(q, self.P) != 1:
            q += 1
        comb = np.arange(self.loaded // self.P) * self.P
        places: list[np.ndarray] = []
        grid = np.zeros((self.S, self.lanes, self.n), complex)
        for s in range(self.S):
            if self.order * sum(p.size for p in places) >= b * ceil(self.k / self.r):
                break
            pilots = comb + s * q % self.P
            for lane in range(self.lanes):
                grid[s, lane, pilots] = self.ref[pilots] * 1j**lane
                start = (s * self.lanes + lane) * self.n
                places.append(start + np.setdiff1d(np.arange(self.loaded), pilots))
        symbols, cells = len(places) // self.lanes, np.concatenate(places)
        slots = cells.size * self.order
        length = min(slots // b, floor(self.k / 0.21))
        data = np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8)).reshape(b, -1)
        information = np.concatenate((data, crc(data, 24, 0x864CFB, 0) ^ 1), axis=1)
        coded = LdpcCode(self.k, length).encode(information)
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
        lead = np.resize(self.symbol(self.ref, 0), round(self.lead * self.rate))
        rise = self.rate // 50
        lead[:rise] *= np.linspace(0, 1, rise)
        sides = [[lead] for _ in range(self.lanes)]
        for number, start in enumerate(range(0, len(packets), self.full)):
            some = packets[start : start + self.full]
            last = start + self.full >= len(packets)
            sync, payload = self.sync(len(some), last, number), self.payload(some)
            for lane, parts in enumerate(sides):
                parts.append(self.preamble())
                parts.append(self.symbol(sync * 1j**lane, 2 * self.C))
                parts += [self.symbol(cells, self.prefix) for cells in payload[:, lane]]
                if self.lanes == 2:
                    parts.append(self.symbol(self.ref * (1, -1j)[lane], self.prefix))
        waves = np.stack([np.concatenate(parts) for parts in sides], axis=1)
        scaled = np.clip(waves * 10 ** (self.level_dbfs / 20), -1, 1)
        tail = np.zeros((round(0.05 * self.rate), self.lanes))
        samples = np.concatenate((scaled, tail)).astype(np.float32)
        return samples if self.lanes == 2 else samples[:, 0]


# Full superframes, and packets beyond.
FULL = {"stereo192": (1, 0)}
SHORT = [("cable192", 20, 0, 3), ("stereo", 14, 0, 2)]
CASES = [(name, speed, *FULL.get(name, (1, 1))) for name, (_, s) in PROFILES.items() for speed in s]


@pytest.mark.parametrize(("name", "speed", "full", "more"), CASES + SHORT)
def test_its_samples_are_ours_and_the_receiver_reads_them(listen, name, speed, full, more) -> None:
    second = Second(name, speed)
    tx = modem.Transmitter(modem.profiles[name], speed)
    assert tx.packet_bytes == (second.k - 24) // 8
    rng = np.random.default_rng(speed)
    packets = [rng.bytes(tx.packet_bytes) for _ in range(full * second.full + more)]
    samples = second.transmission(packets)
    ours = np.concatenate((tx.process(packets), tx.flush()))
    assert ours.shape == samples.shape
    np.testing.assert_allclose(samples, ours, atol=1e-4)
    heard = listen(*modem.channel.parse("noise=-75", 1).apply(samples, second.rate))
    assert list(heard.packets) == packets
