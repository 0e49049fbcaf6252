"""Profiles: named sets of waveform, preamble and speeds for one kind of channel. A table, no logic.

The speeds of a profile are numbered from 1, the most robust. The needed SNR of a ladder step is
that of its constellation and code rate in white noise (`dialtone bench --curves` measures it).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from modem.errors import ConfigError
from modem.sync.preamble import Preamble
from modem.waveforms.ofdm import Numerology

CRC_BITS = 24


@dataclass(frozen=True)
class Speed:
    """One rung of a ladder.

    number   1-based position in its profile
    order    bits per carrier and symbol (2 is QPSK, 10 is 1024-QAM)
    rate     nominal rate of the inner code; superframes that it does not fill use a lower one
    k        information bits of a code block, CRC included
    blocks   data blocks of a full superframe, each of which holds one packet
    top_hz   highest carrier that is loaded [Hz]
    snr_db   needed signal-to-noise ratio on the loaded carriers [dB]
    net_bps  payload rate of an endless transmission, all overheads of the modem counted [bit/s]
    """

    number: int
    order: int
    rate: float
    k: int
    blocks: int
    top_hz: float
    snr_db: float
    net_bps: float

    @property
    def packet_bytes(self) -> int:
        return (self.k - CRC_BITS) // 8

    @property
    def name(self) -> str:
        constellation = "QPSK" if self.order == 2 else f"{1 << self.order}-QAM"
        return f"{constellation} {self.rate:.2f}"


@dataclass(frozen=True)
class Profile:
    """Everything that both ends must agree on for one kind of channel.

    symbols       payload symbols of a full superframe
    level_dbfs    rms level of the waveform; peaks above full scale are clipped
    lead_in_s     noise-like signal ahead of the first superframe, for level controls to settle
    """

    name: str
    description: str
    numerology: Numerology
    preamble: Preamble
    symbols: int
    level_dbfs: float
    lead_in_s: float
    speeds: tuple[Speed, ...]
    default_speed: int

    @property
    def sample_rate(self) -> int:
        return self.numerology.sample_rate

    @property
    def preamble_samples(self) -> int:
        return round(self.preamble.duration_s * self.sample_rate)

    def superframe_samples(self, symbols: int) -> int:
        """Length of a superframe of so many payload symbols [samples]."""
        waveform = self.numerology
        return self.preamble_samples + waveform.sync_samples + symbols * waveform.symbol_samples

    def speed(self, number: int | None) -> Speed:
        """The speed of that number, or the default for None."""
        number = self.default_speed if number is None else number
        if not 1 <= number <= len(self.speeds):
            raise ConfigError(f"{self.name} has speeds 1 to {len(self.speeds)}, got {number}")
        return self.speeds[number - 1]


# Bits per carrier, rate of the inner code, needed SNR [dB].
_LADDER = (
    (2, 1 / 3, 0.0),
    (2, 1 / 2, 2.0),
    (2, 3 / 4, 5.0),
    (4, 0.55, 7.8),
    (4, 0.75, 10.8),
    (6, 2 / 3, 14.0),
    (6, 0.80, 16.8),
    (8, 0.72, 20.0),
    (8, 0.82, 22.8),
    (10, 0.76, 25.8),
    (10, 0.85, 28.8),
    (12, 0.78, 31.8),
    (12, 0.86, 34.8),
    (14, 0.80, 38.0),
)


def parity_blocks(data_blocks: int) -> int:
    """Reed-Solomon parity blocks of a superframe with so many data blocks: one in sixteen."""
    return (data_blocks + 8) // 16


def _data_blocks(coded_blocks: int) -> int:
    data = coded_blocks
    while data > 1 and data + parity_blocks(data) > coded_blocks:
        data -= 1
    return data


def _build(
    name: str,
    description: str,
    numerology: Numerology,
    preamble: Preamble,
    *,
    k: int,
    symbols: int,
    level_dbfs: float,
    lead_in_s: float,
    steps: tuple[tuple[int, float, float, float], ...],
    default_speed: int,
) -> Profile:
    """Steps are (order, rate, needed SNR, top_hz)."""
    speeds = []
    ahead = round(preamble.duration_s * numerology.sample_rate) + numerology.sync_samples
    for number, (order, rate, snr_db, top_hz) in enumerate(steps, start=1):
        spacing_hz = numerology.sample_rate / numerology.fft_size
        loaded = int((numerology.carriers <= top_hz / spacing_hz).sum())
        block_symbols = k / (rate * order * loaded * (1 - 1 / numerology.pilot_spacing))
        data = _data_blocks(max(floor(symbols / block_symbols), 1))
        needed = ceil((data + parity_blocks(data)) * block_symbols)
        samples = ahead + min(needed, symbols) * numerology.symbol_samples
        net_bps = data * ((k - CRC_BITS) // 8) * 8 * numerology.sample_rate / samples
        speeds.append(Speed(number, order, rate, k, data, top_hz, snr_db, net_bps))
    return Profile(
        name,
        description,
        numerology,
        preamble,
        symbols,
        level_dbfs,
        lead_in_s,
        tuple(speeds),
        default_speed,
    )


_PHONE = Numerology(8000, 1024, 32, 300.0, 3400.0, 24)
_MP3 = Numerology(48000, 1024, 16, 300.0, 19500.0, 32)
_CABLE = Numerology(48000, 2048, 32, 200.0, 22700.0, 48)

profiles: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        _build(
            "phone",
            "analogue or VoIP telephone line, G.711, 300-3400 Hz",
            _PHONE,
            Preamble(1, 0.064, 0.15),
            k=2816,
            symbols=13,
            level_dbfs=-13.0,
            lead_in_s=0.3,
            steps=tuple((*step, 3400.0) for step in _LADDER[:13]),
            default_speed=10,
        ),
        _build(
            "mp3",
            "MP3 file or stream of 32 to 320 kbit/s",
            _MP3,
            Preamble(1, 0.032, 0.3),
            k=8448,
            symbols=84,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            steps=tuple(
                (*step, top_hz)
                for step, top_hz in (
                    (_LADDER[3], 4000.0),
                    (_LADDER[4], 12000.0),
                    *((step, 19500.0) for step in _LADDER[2:11]),
                )
            ),
            default_speed=5,
        ),
        _build(
            "cable",
            "sound card to sound card over an audio cable",
            _CABLE,
            Preamble(-1, 0.032, 0.3),
            k=8448,
            symbols=43,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            steps=tuple((*step, 22700.0) for step in _LADDER),
            default_speed=11,
        ),
    )
}
