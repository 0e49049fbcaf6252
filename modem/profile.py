"""Profiles: named sets of waveform, preamble and speeds for one kind of channel; a table.

The speeds of a profile are numbered from 1, the most robust. Most are some 3 dB apart in the
signal-to-noise ratio that they need; the lowest of mp3 differ in how much of the band they use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

import numpy as np

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
    k        information bits of a code block, CRC included
    blocks   data blocks of a full superframe, each of which holds one packet
    symbols  payload symbols of a full superframe, at most
    prefix   cyclic prefix of a payload symbol [samples], the numerology's or longer
    top_hz   highest carrier that is loaded [Hz]
    snr_db   needed signal-to-noise ratio on the loaded carriers [dB]
    net_bps  payload rate of an endless transmission, all overheads of the modem counted [bit/s]
    """

    number: int
    order: int
    rate: float
    k: int
    blocks: int
    symbols: int
    prefix: int
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

    symbols       payload symbols of a full superframe, fewer where a speed's prefix is longer
    level_dbfs    rms level of the waveform; peaks above full scale are clipped
    lead_in_s     noise-like signal ahead of the first superframe, for level controls to settle
    reverberant   the channel's response begins with its strongest path and decays slowly
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
    reverberant: bool = False

    @property
    def lead(self) -> int:
        """Samples of the prefix that FFT windows leave ahead of the response's middle, or of its
        first and strongest path where it is known to decay from there."""
        return self.numerology.prefix // (16 if self.reverberant else 2)

    @property
    def sample_rate(self) -> int:
        return self.numerology.sample_rate

    @property
    def preamble_samples(self) -> int:
        return round(self.preamble.duration_s * self.sample_rate)

    def superframe_samples(self, symbols: int, prefix: int) -> int:
        """Length of a superframe of so many payload symbols with this prefix [samples]."""
        waveform = self.numerology
        ahead = self.preamble_samples + waveform.sync_samples
        return ahead + symbols * (waveform.fft_size + prefix)

    @property
    def longest_s(self) -> float:
        """Length of the longest superframe of any speed [s]."""
        lengths = (self.superframe_samples(s.symbols, s.prefix) for s in self.speeds)
        return max(lengths) / self.sample_rate

    def speed(self, number: int | None) -> Speed:
        """The speed of that number, or the default for None."""
        number = self.default_speed if number is None else number
        if not 1 <= number <= len(self.speeds):
            raise ConfigError(f"{self.name} has speeds 1 to {len(self.speeds)}, got {number}")
        return self.speeds[number - 1]


# Bits per carrier and rate of the inner code, about 3 dB apart.
_LADDER = (
    (2, 1 / 3),
    (2, 1 / 2),
    (2, 3 / 4),
    (4, 0.55),
    (4, 0.75),
    (6, 2 / 3),
    (6, 0.80),
    (8, 0.72),
    (8, 0.82),
    (10, 0.77),
    (10, 0.85),
    (12, 0.78),
    (12, 0.86),
    (14, 0.80),
)

# What a superframe needs above the Shannon limit of its bits per carrier to be free of lost
# blocks, measured for each order [dB]: constellation, code, channel estimate, clock.
_GAP_DB = {2: 2.0, 4: 2.2, 6: 2.2, 8: 2.4, 10: 2.5, 12: 2.7, 14: 3.3}


def parity_blocks(data_blocks: int) -> int:
    """Reed-Solomon parity blocks of a superframe with so many data blocks: one in sixteen."""
    return (data_blocks + 8) // 16


def _data_blocks(coded_blocks: int) -> int:
    data = coded_blocks
    while data > 1 and data + parity_blocks(data) > coded_blocks:
        data -= 1
    return data


def symbols_needed(
    numerology: Numerology, order: int, top_hz: float, symbols: int, bits: int
) -> int:
    """Payload symbols that hold so many coded bits; at most `symbols`, as a full superframe may
    fall short of the nominal length by the pilots' uneven share."""
    loaded = int((numerology.carrier_hz <= top_hz).sum())
    pilots = (numerology.pilot_index(symbols) < loaded).sum(axis=1)
    held = np.cumsum((loaded - pilots) * order)
    return min(int(np.searchsorted(held, bits)) + 1, symbols)


def _speeds(
    numerology: Numerology,
    preamble: Preamble,
    symbols: int,
    steps: Sequence[tuple[int, float, float, int]],
    long_steps: Sequence[tuple[int, float, float, int]] = (),
    long_prefix: int = 0,
) -> tuple[Speed, ...]:
    """Steps are (order, rate, top_hz, k). The rate gives way a little, so that whole code blocks
    fill a superframe. Long steps have payload symbols with another prefix, and fewer of them."""
    speeds = []
    ahead = round(preamble.duration_s * numerology.sample_rate) + numerology.sync_samples
    usual = (numerology.prefix, symbols)
    longer = (
        long_prefix,
        symbols * numerology.symbol_samples // (numerology.fft_size + long_prefix),
    )
    rungs = [(*step, *usual) for step in steps] + [(*step, *longer) for step in long_steps]
    for number, (order, wanted_rate, top_hz, k, prefix, symbols) in enumerate(rungs, start=1):
        loaded = int((numerology.carrier_hz <= top_hz).sum())
        symbol_bits = order * loaded * (1 - 1 / numerology.pilot_spacing)
        blocks = max(round(symbols * symbol_bits * wanted_rate / k), 1)
        rate = max(wanted_rate, blocks * k / (symbols * symbol_bits))
        data = _data_blocks(blocks)
        needed = symbols_needed(
            numerology, order, top_hz, symbols, (data + parity_blocks(data)) * ceil(k / rate)
        )
        samples = ahead + needed * (numerology.fft_size + prefix)
        net_bps = data * ((k - CRC_BITS) // 8) * 8 * numerology.sample_rate / samples
        snr_db = 10 * log10(2 ** (order * rate) - 1) + _GAP_DB[order]
        speeds.append(Speed(number, order, rate, k, data, symbols, prefix, top_hz, snr_db, net_bps))
    return tuple(speeds)


# Pilots P carriers apart do not see a shift by a multiple of fft_size / P samples, so that no
# multiple of it may be near a voice packet of 20 ms.
_PHONE = Numerology(8000, 1024, 32, 300.0, 3400.0, 28)
_MP3 = Numerology(48000, 1024, 16, 300.0, 19500.0, 28)
_CABLE = Numerology(48000, 2048, 32, 200.0, 22700.0, 48)
_AIR = Numerology(48000, 16384, 2048, 250.0, 18000.0, 32)

_PHONE_PREAMBLE = Preamble(1, 0.064, 0.15)
_MP3_PREAMBLE = Preamble(1, 0.032, 0.3)
_CABLE_PREAMBLE = Preamble(-1, 0.032, 0.3)
# Reverberation leaves the direct path only a small share of the energy.
_AIR_PREAMBLE = Preamble(-7, 0.128, 0.1)

# Encoders cut off the top of the band, the more so the lower their bit rate.
_MP3_STEPS = (
    (2, 0.50, 4000.0, 2112),
    (4, 0.50, 4000.0, 2112),
    (2, 0.75, 12000.0, 4224),
    (4, 0.55, 12000.0, 4224),
    (4, 0.55, 16000.0, 8448),
    *((*step, 19500.0, 8448) for step in _LADDER[3:13]),
)

# For echoes of up to 25 ms, as of far hybrids on long lines.
_PHONE_LONG_PREFIX = 200
_PHONE_LONG_STEPS = (
    (4, 0.55), (4, 0.75), (6, 2 / 3), (6, 0.80), (8, 0.72), (8, 0.82), (10, 0.77), (10, 0.85),
    (12, 0.78),
)  # fmt: skip

# In steps of about 1.5 dB, as a room has no other knob to turn.
_AIR_STEPS = (
    (2, 1 / 3), (2, 0.42), (2, 0.50), (2, 0.60), (2, 0.72), (4, 0.42), (4, 0.48), (4, 0.55),
    (4, 0.62), (4, 0.70), (6, 0.53), (6, 0.59), (6, 0.67), (6, 0.72), (8, 0.62), (8, 0.68),
    (8, 0.75),
)  # fmt: skip

profiles: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="phone",
            description="analogue or VoIP telephone line, G.711, 300-3400 Hz",
            numerology=_PHONE,
            preamble=_PHONE_PREAMBLE,
            symbols=14,
            level_dbfs=-13.0,
            lead_in_s=0.3,
            speeds=_speeds(
                _PHONE,
                _PHONE_PREAMBLE,
                14,
                [(*step, 3400.0, 2816) for step in _LADDER],
                [(*step, 3400.0, 2816) for step in _PHONE_LONG_STEPS],
                _PHONE_LONG_PREFIX,
            ),
            default_speed=10,
        ),
        Profile(
            name="mp3",
            description="MP3 file or stream of 32 to 320 kbit/s",
            numerology=_MP3,
            preamble=_MP3_PREAMBLE,
            symbols=84,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_speeds(_MP3, _MP3_PREAMBLE, 84, _MP3_STEPS),
            default_speed=7,
        ),
        Profile(
            name="cable",
            description="sound card to sound card over an audio cable",
            numerology=_CABLE,
            preamble=_CABLE_PREAMBLE,
            symbols=24,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_speeds(
                _CABLE, _CABLE_PREAMBLE, 24, [(*step, 22700.0, 8448) for step in _LADDER]
            ),
            default_speed=10,
        ),
        Profile(
            name="air",
            description="loudspeaker to microphone in a room",
            numerology=_AIR,
            preamble=_AIR_PREAMBLE,
            symbols=10,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_speeds(
                _AIR, _AIR_PREAMBLE, 10, [(*step, 18000.0, 8448) for step in _AIR_STEPS]
            ),
            default_speed=6,
            reverberant=True,
        ),
    )
}
