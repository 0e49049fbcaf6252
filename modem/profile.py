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
    symbols  payload symbols of a full superframe
    prefix   cyclic prefix of a payload symbol [samples], the numerology's or longer
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

    level_dbfs    rms level of the waveform; peaks above full scale are clipped
    lead_in_s     noise-like signal ahead of the first superframe, for level controls to settle
    sync_repeats  how often the sync symbol is sent
    robust        the profile as its lowest speeds use it, None where they are like the others
    robust_speeds how many speeds those are
    reverberant   the channel's response begins with its strongest path and decays slowly
    """

    name: str
    description: str
    numerology: Numerology
    preamble: Preamble
    level_dbfs: float
    lead_in_s: float
    speeds: tuple[Speed, ...]
    default_speed: int
    sync_repeats: int = 1
    robust: Profile | None = None
    robust_speeds: int = 0
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
        repeats = (self.sync_repeats - 1) * waveform.symbol_samples
        ahead = self.preamble_samples + waveform.sync_samples + repeats
        return ahead + symbols * (waveform.fft_size + prefix)

    @property
    def longest_s(self) -> float:
        """Length of the longest superframe of any speed [s]."""
        lengths = (self.mode(s).superframe_samples(s.symbols, s.prefix) for s in self.speeds)
        return max(lengths) / self.sample_rate

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


_HIGHEST_RATE = 0.8  # of the inner code; beyond, a larger constellation does better


def gap_db(order: int) -> float:
    """What a superframe needs above the Shannon limit of its bits per carrier to be free of lost
    blocks [dB]: constellation, code, channel estimate, clock. A fit, to within 0.4 dB, to the SNR
    for 1 % of failed blocks in frame_errors.csv, and 0.3 dB on top."""
    return 1.85 + 0.03 * order + 0.0025 * order**2


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


@dataclass(frozen=True, slots=True)
class _Form:
    """How superframes of some speeds are built.

    symbols    payload symbols
    prefix     of a payload symbol [samples], 0 for the numerology's
    preamble   None for the profile's
    longest_k, fewest_blocks  bounds of the code blocks of a full superframe
    extra_db   measured SNR that these superframes need beyond `gap_db`: for short blocks, or a
               channel of which much is to be estimated
    """

    symbols: int
    prefix: int = 0
    sync_repeats: int = 1
    preamble: Preamble | None = None
    longest_k: int = 8448
    fewest_blocks: int = 3
    extra_db: float = 0.0


def _speeds(
    numerology: Numerology, preamble: Preamble, ladders: Iterable[tuple[_Form, Iterable[Rung]]]
) -> tuple[Speed, ...]:
    """The speeds of these rungs by rising bit rate. Whole blocks of equal length, as long as the
    form allows, fill a superframe."""
    made = []
    for form, rungs in ladders:
        prefix = form.prefix or numerology.prefix
        opening = form.preamble or preamble
        samples = round(opening.duration_s * numerology.sample_rate) + numerology.sync_samples
        samples += (form.sync_repeats - 1) * numerology.symbol_samples
        samples += form.symbols * (numerology.fft_size + prefix)
        for rung in rungs:
            order = rung.order
            cells = form.symbols * symbol_cells(numerology, rung.top_hz)
            least = max(ceil(cells * rung.bits / form.longest_k), form.fewest_blocks)
            data, blocks = _data_blocks(least)
            k = int(cells * rung.bits / blocks / 8) * 8
            rate = blocks * k / (cells * order)
            net_bps = data * ((k - CRC_BITS) // 8) * 8 * numerology.sample_rate / samples
            speed = Speed(
                0, order, rate, shape_of(order, rate), k, data, form.symbols, prefix,
                rung.top_hz, rung.shannon_db + gap_db(order) + form.extra_db, net_bps,
            )  # fmt: skip
            made.append(speed)
    made.sort(key=lambda speed: speed.net_bps)
    return tuple(replace(speed, number=number) for number, speed in enumerate(made, start=1))


def _ladder(top_hz: float, first_db: float, last_db: float, step_db: float = 1.0) -> list[Rung]:
    count = floor((last_db - first_db) / step_db) + 1
    return [Rung(first_db + step_db * i, top_hz) for i in range(count)]


def _nearest(speeds: tuple[Speed, ...], shannon_db: float, prefix: int, top_hz: float) -> int:
    """Number of the speed of that prefix and band whose rung is nearest."""
    same = [speed for speed in speeds if (speed.prefix, speed.top_hz) == (prefix, top_hz)]
    return min(same, key=lambda speed: abs(speed.snr_db - gap_db(speed.order) - shannon_db)).number


# Pilots P carriers apart do not see a shift by a multiple of fft_size / P samples, so that no
# multiple of it may be near a voice packet of 20 ms.
_PHONE = Numerology(8000, 1024, 32, 300.0, 3400.0, 28)
_MP3 = Numerology(48000, 4096, 32, 100.0, 20000.0, 54)
_CABLE = Numerology(48000, 2048, 32, 200.0, 22700.0, 84)

_AIR = Numerology(48000, 16384, 2048, 250.0, 18000.0, 32)

_PHONE_PREAMBLE = Preamble(1, 0.064, 0.15)
_ROBUST_PREAMBLE = Preamble(-1, 0.128, 0.08)
_MP3_PREAMBLE = Preamble(1, 0.032, 0.3)
_CABLE_PREAMBLE = Preamble(-1, 0.032, 0.3)
# Reverberation leaves the direct path only a small share of the energy.
_AIR_PREAMBLE = Preamble(1, 0.128, 0.1)

# For signals below the noise: long superframes, as what finds and describes them takes long too;
# short blocks, as messages there are short.
_ROBUST = _Form(
    32, sync_repeats=6, preamble=_ROBUST_PREAMBLE, longest_k=1056, fewest_blocks=2, extra_db=0.8
)
_ROBUST_RUNGS = (Rung(-9.0, 3400.0), Rung(-6.0, 3400.0))

_PHONE_SPEEDS = _speeds(
    _PHONE,
    _PHONE_PREAMBLE,
    (
        (_ROBUST, _ROBUST_RUNGS),
        (_Form(20), _ladder(3400.0, -3.0, 5.0, 2.0) + _ladder(3400.0, 6.0, 40.0)),
        # For echoes of up to 25 ms, as of far hybrids on long lines.
        (_Form(17, prefix=200, extra_db=0.4), _ladder(3400.0, 3.5, 29.5, 2.0)),
    ),
)
# Encoders cut off the top of the band, the more so the lower their bit rate.
_MP3_SPEEDS = _speeds(
    _MP3,
    _MP3_PREAMBLE,
    (
        (
            _Form(38),
            _ladder(5000.0, 0.0, 4.0, 2.0)
            + _ladder(5000.0, 5.0, 9.0, 0.5)
            + _ladder(12500.0, 3.0, 5.0)
            + _ladder(12500.0, 5.75, 7.25, 0.5)
            + _ladder(16000.0, 7.0, 13.0, 1.5)
            + _ladder(20000.0, 8.0, 14.0, 0.5)
            + _ladder(20000.0, 15.0, 38.0),
        ),
    ),
)
_CABLE_SPEEDS = _speeds(
    _CABLE,
    _CABLE_PREAMBLE,
    ((_Form(44), _ladder(22700.0, 0.0, 8.0, 2.0) + _ladder(22700.0, 9.0, 57.0)),),
)
_AIR_SPEEDS = _speeds(
    _AIR, _AIR_PREAMBLE, ((_Form(10, extra_db=0.4), _ladder(18000.0, -3.0, 24.0)),)
)

_PHONE_PROFILE = Profile(
    name="phone",
    description="analogue or VoIP telephone line, G.711, 300-3400 Hz",
    numerology=_PHONE,
    preamble=_PHONE_PREAMBLE,
    level_dbfs=-13.0,
    lead_in_s=0.3,
    speeds=_PHONE_SPEEDS,
    default_speed=_nearest(_PHONE_SPEEDS, 23.0, _PHONE.prefix, 3400.0),
)
_PHONE_ROBUST = replace(
    _PHONE_PROFILE, preamble=_ROBUST_PREAMBLE, sync_repeats=_ROBUST.sync_repeats
)

profiles: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        replace(_PHONE_PROFILE, robust=_PHONE_ROBUST, robust_speeds=len(_ROBUST_RUNGS)),
        Profile(
            name="mp3",
            description="MP3 file or stream of 32 to 320 kbit/s",
            numerology=_MP3,
            preamble=_MP3_PREAMBLE,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_MP3_SPEEDS,
            default_speed=_nearest(_MP3_SPEEDS, 9.0, _MP3.prefix, 20000.0),
        ),
        Profile(
            name="cable",
            description="sound card to sound card over an audio cable",
            numerology=_CABLE,
            preamble=_CABLE_PREAMBLE,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_CABLE_SPEEDS,
            default_speed=_nearest(_CABLE_SPEEDS, 23.0, _CABLE.prefix, 22700.0),
        ),
        Profile(
            name="air",
            description="loudspeaker to microphone in a room",
            numerology=_AIR,
            preamble=_AIR_PREAMBLE,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_AIR_SPEEDS,
            default_speed=_nearest(_AIR_SPEEDS, 4.0, _AIR.prefix, 18000.0),
            reverberant=True,
        ),
    )
}
