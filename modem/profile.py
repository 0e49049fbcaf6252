"""Profiles: named sets of waveform, preamble and speeds for one kind of channel; a table.

The speeds of a profile are numbered from 1, the most robust. Most are some 3 dB apart in the
signal-to-noise ratio that they need; the lowest of mp3 differ in how much of the band they use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    sync_repeats  how often the sync symbol is sent
    robust        the profile as its lowest speeds use it, None where they are like the others
    robust_speeds how many speeds those are
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
    sync_repeats: int = 1
    robust: Profile | None = None
    robust_speeds: int = 0

    @property
    def sample_rate(self) -> int:
        return self.numerology.sample_rate

    @property
    def preamble_samples(self) -> int:
        return round(self.preamble.duration_s * self.sample_rate)

    def superframe_samples(self, symbols: int) -> int:
        """Length of a superframe of so many payload symbols [samples]."""
        waveform = self.numerology
        symbols += self.sync_repeats - 1
        return self.preamble_samples + waveform.sync_samples + symbols * waveform.symbol_samples

    @property
    def modes(self) -> tuple[Profile, ...]:
        """The forms in which superframes of this profile come; each has a preamble of its own."""
        return (self,) if self.robust is None else (self, self.robust)

    def mode(self, speed: Speed) -> Profile:
        """The form in which superframes of this speed come."""
        if self.robust is None or speed.number > self.robust_speeds:
            return self
        return self.robust

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
    sync_repeats: int = 1,
    first: int = 1,
) -> tuple[Speed, ...]:
    """Steps are (order, rate, top_hz, k), numbered from `first`. The rate gives way a little, so
    that whole code blocks fill a superframe."""
    speeds = []
    ahead = round(preamble.duration_s * numerology.sample_rate) + numerology.sync_samples
    ahead += (sync_repeats - 1) * numerology.symbol_samples
    for number, (order, wanted_rate, top_hz, k) in enumerate(steps, start=first):
        loaded = int((numerology.carrier_hz <= top_hz).sum())
        symbol_bits = order * loaded * (1 - 1 / numerology.pilot_spacing)
        blocks = max(round(symbols * symbol_bits * wanted_rate / k), 1)
        rate = max(wanted_rate, blocks * k / (symbols * symbol_bits))
        data = _data_blocks(blocks)
        needed = symbols_needed(
            numerology, order, top_hz, symbols, (data + parity_blocks(data)) * ceil(k / rate)
        )
        samples = ahead + needed * numerology.symbol_samples
        net_bps = data * ((k - CRC_BITS) // 8) * 8 * numerology.sample_rate / samples
        snr_db = 10 * log10(2 ** (order * rate) - 1) + _GAP_DB[order]
        speeds.append(Speed(number, order, rate, k, data, top_hz, snr_db, net_bps))
    return tuple(speeds)


# Pilots P carriers apart do not see a shift by a multiple of fft_size / P samples, so that no
# multiple of it may be near a voice packet of 20 ms.
_PHONE = Numerology(8000, 1024, 32, 300.0, 3400.0, 28)
_MP3 = Numerology(48000, 1024, 16, 300.0, 19500.0, 28)
_CABLE = Numerology(48000, 2048, 32, 200.0, 22700.0, 48)

_PHONE_PREAMBLE = Preamble(1, 0.064, 0.15)
_ROBUST_PREAMBLE = Preamble(-1, 0.128, 0.08)
_MP3_PREAMBLE = Preamble(1, 0.032, 0.3)
_CABLE_PREAMBLE = Preamble(-1, 0.032, 0.3)

# Encoders cut off the top of the band, the more so the lower their bit rate.
_MP3_STEPS = (
    (2, 0.50, 4000.0, 2112),
    (4, 0.50, 4000.0, 2112),
    (2, 0.75, 12000.0, 4224),
    (4, 0.55, 12000.0, 4224),
    (4, 0.55, 16000.0, 8448),
    *((*step, 19500.0, 8448) for step in _LADDER[3:13]),
)

# Speeds of `phone` for signals below the noise: long superframes, as what finds and describes them
# takes long too; short blocks, as messages there are short.
_ROBUST_STEPS = ((2, 1 / 12, 3400.0, 1024), (2, 1 / 6, 3400.0, 1024))
_ROBUST_REPEATS = 6
_ROBUST_SYMBOLS = 32

_PHONE_PROFILE = Profile(
    name="phone",
    description="analogue or VoIP telephone line, G.711, 300-3400 Hz",
    numerology=_PHONE,
    preamble=_PHONE_PREAMBLE,
    symbols=14,
    level_dbfs=-13.0,
    lead_in_s=0.3,
    speeds=(
        *_speeds(_PHONE, _ROBUST_PREAMBLE, _ROBUST_SYMBOLS, _ROBUST_STEPS, _ROBUST_REPEATS),
        *_speeds(
            _PHONE,
            _PHONE_PREAMBLE,
            14,
            [(*step, 3400.0, 2816) for step in _LADDER],
            first=len(_ROBUST_STEPS) + 1,
        ),
    ),
    default_speed=12,
)
_PHONE_ROBUST = replace(
    _PHONE_PROFILE,
    preamble=_ROBUST_PREAMBLE,
    symbols=_ROBUST_SYMBOLS,
    sync_repeats=_ROBUST_REPEATS,
)

profiles: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        replace(_PHONE_PROFILE, robust=_PHONE_ROBUST, robust_speeds=len(_ROBUST_STEPS)),
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
    )
}
