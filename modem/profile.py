"""Profiles: named sets of waveform, preamble and speeds for one kind of channel; a table.

The speeds of a profile are numbered from 1, the slowest and most robust. Those of one band are 1 to
2 dB apart in the signal-to-noise ratio that they need; those of mp3 differ in the band as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, floor, log2

from modem.errors import ConfigError
from modem.sync.preamble import Preamble
from modem.waveforms.ofdm import Numerology

CRC_BITS = 24


@dataclass(frozen=True)
class Speed:
    """One rung of a ladder.

    number   1-based position in its profile
    order    bits per carrier and symbol (2 is QPSK, 10 is 1024-QAM)
    rate     of the inner code in a full superframe
    shape    of the constellation's levels
    k        information bits of a code block, CRC included
    blocks   data blocks of a full superframe, each of which holds one packet
    top_hz   highest carrier that is loaded [Hz]
    snr_db   needed signal-to-noise ratio on the loaded carriers [dB]
    net_bps  payload rate of an endless transmission, all overheads of the modem counted [bit/s]
    """

    number: int
    order: int
    rate: float
    shape: float
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


_LONGEST_K = 8448  # of the LDPC codes [bits]
_FEWEST_BLOCKS = 3  # of a full superframe: short messages need not fill one large block
_HIGHEST_RATE = 0.8  # of the inner code; beyond, a larger constellation does better

# What a superframe needs above the Shannon limit of its bits per carrier to be free of lost
# blocks, measured [dB]: constellation, code, channel estimate, clock.
_GAP_DB = 2.2


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of a ladder: shannon_db, the SNR at which a Gaussian channel's capacity is what a
    loaded carrier holds [dB]; top_hz, the highest carrier that is loaded [Hz]."""

    shannon_db: float
    top_hz: float

    @property
    def bits(self) -> float:
        """Information bits of a loaded carrier and symbol."""
        return log2(1 + 10 ** (self.shannon_db / 10))

    @property
    def order(self) -> int:
        """Bits of the constellation: the smallest that a rate of 0.8 fills."""
        return 2 * max(ceil(self.bits / (2 * _HIGHEST_RATE)), 1)


def shape_of(order: int, rate: float) -> float:
    """Shape of the levels that lets this constellation carry order * rate bits at the lowest SNR,
    to within 0.05 dB of the best found by numeric integration of the bit-wise mutual
    information; QPSK has none."""
    return 0.0 if order == 2 else 0.97 - 2.1 * max(rate - 0.6, 0.0) ** 2


def parity_blocks(data_blocks: int) -> int:
    """Reed-Solomon parity blocks of a superframe with so many data blocks: one in 32. Against noise
    a lower speed is the better remedy, and lost superframes are the fountain code's."""
    return data_blocks // 32


def _data_blocks(least: int) -> tuple[int, int]:
    """Data blocks and all blocks of the smallest superframe of at least so many blocks."""
    data = 1
    while data + parity_blocks(data) < least:
        data += 1
    return data, data + parity_blocks(data)


def loaded_carriers(numerology: Numerology, top_hz: float) -> int:
    """How many carriers are loaded, from the lowest up."""
    return int((numerology.carrier_hz <= top_hz).sum())


def symbol_cells(numerology: Numerology, top_hz: float) -> int:
    """Data cells of a payload symbol."""
    loaded = loaded_carriers(numerology, top_hz)
    return loaded - loaded // numerology.pilot_spacing


def _speeds(
    numerology: Numerology, preamble: Preamble, symbols: int, rungs: Iterable[Rung]
) -> tuple[Speed, ...]:
    """The speeds of these rungs by rising bit rate. Whole blocks of equal length, as long as the
    codes allow, fill a superframe."""
    made = []
    ahead = round(preamble.duration_s * numerology.sample_rate) + numerology.sync_samples
    for rung in rungs:
        order = rung.order
        cells = symbols * symbol_cells(numerology, rung.top_hz)
        least = max(ceil(cells * rung.bits / _LONGEST_K), _FEWEST_BLOCKS)
        data, blocks = _data_blocks(least)
        k = int(cells * rung.bits / blocks / 8) * 8
        rate = blocks * k / (cells * order)
        samples = ahead + symbols * numerology.symbol_samples
        net_bps = data * ((k - CRC_BITS) // 8) * 8 * numerology.sample_rate / samples
        snr_db = rung.shannon_db + _GAP_DB
        shape = shape_of(order, rate)
        made.append(Speed(0, order, rate, shape, k, data, rung.top_hz, snr_db, net_bps))
    made.sort(key=lambda speed: speed.net_bps)
    return tuple(replace(speed, number=number) for number, speed in enumerate(made, start=1))


def _ladder(top_hz: float, first_db: float, last_db: float, step_db: float = 1.0) -> list[Rung]:
    count = floor((last_db - first_db) / step_db) + 1
    return [Rung(first_db + step_db * i, top_hz) for i in range(count)]


def _nearest(speeds: tuple[Speed, ...], shannon_db: float, top_hz: float) -> int:
    """Number of the speed of that band whose rung is nearest."""
    same = [speed for speed in speeds if speed.top_hz == top_hz]
    return min(same, key=lambda speed: abs(speed.snr_db - _GAP_DB - shannon_db)).number


# Pilots P carriers apart do not see a shift by a multiple of fft_size / P samples, so that no
# multiple of it may be near a voice packet of 20 ms.
_PHONE = Numerology(8000, 1024, 32, 300.0, 3400.0, 28)
_MP3 = Numerology(48000, 4096, 32, 100.0, 20000.0, 54)
_CABLE = Numerology(48000, 2048, 32, 200.0, 22700.0, 84)

_PHONE_PREAMBLE = Preamble(1, 0.064, 0.15)
_MP3_PREAMBLE = Preamble(1, 0.032, 0.3)
_CABLE_PREAMBLE = Preamble(-1, 0.032, 0.3)

_PHONE_SYMBOLS, _MP3_SYMBOLS, _CABLE_SYMBOLS = 20, 38, 44

_PHONE_SPEEDS = _speeds(
    _PHONE,
    _PHONE_PREAMBLE,
    _PHONE_SYMBOLS,
    _ladder(3400.0, -2.0, 6.0, 2.0) + _ladder(3400.0, 7.0, 40.0),
)
# Encoders cut off the top of the band, the more so the lower their bit rate.
_MP3_SPEEDS = _speeds(
    _MP3,
    _MP3_PREAMBLE,
    _MP3_SYMBOLS,
    _ladder(5000.0, 0.0, 4.0, 2.0)
    + _ladder(5000.0, 5.0, 9.0, 0.5)
    + _ladder(12500.0, 3.0, 5.0)
    + _ladder(12500.0, 5.75, 7.25, 0.5)
    + _ladder(16000.0, 7.0, 13.0, 1.5)
    + _ladder(20000.0, 8.0, 14.0, 0.5)
    + _ladder(20000.0, 15.0, 38.0),
)
_CABLE_SPEEDS = _speeds(
    _CABLE,
    _CABLE_PREAMBLE,
    _CABLE_SYMBOLS,
    _ladder(22700.0, 0.0, 8.0, 2.0) + _ladder(22700.0, 9.0, 57.0),
)

profiles: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="phone",
            description="analogue or VoIP telephone line, G.711, 300-3400 Hz",
            numerology=_PHONE,
            preamble=_PHONE_PREAMBLE,
            symbols=_PHONE_SYMBOLS,
            level_dbfs=-13.0,
            lead_in_s=0.3,
            speeds=_PHONE_SPEEDS,
            default_speed=_nearest(_PHONE_SPEEDS, 23.0, 3400.0),
        ),
        Profile(
            name="mp3",
            description="MP3 file or stream of 32 to 320 kbit/s",
            numerology=_MP3,
            preamble=_MP3_PREAMBLE,
            symbols=_MP3_SYMBOLS,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_MP3_SPEEDS,
            default_speed=_nearest(_MP3_SPEEDS, 9.0, 20000.0),
        ),
        Profile(
            name="cable",
            description="sound card to sound card over an audio cable",
            numerology=_CABLE,
            preamble=_CABLE_PREAMBLE,
            symbols=_CABLE_SYMBOLS,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_CABLE_SPEEDS,
            default_speed=_nearest(_CABLE_SPEEDS, 23.0, 22700.0),
        ),
    )
}
