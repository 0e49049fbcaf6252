"""A profile: waveform, preamble and speeds for one kind of channel."""

from __future__ import annotations

from dataclasses import dataclass

from modem.errors import ConfigError
from modem.sync.preamble import Preamble
from modem.waveforms.ofdm import Numerology

CRC_BITS = 24  # of a code block


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
        points = f"2^{self.order}" if self.order > 12 else f"{1 << self.order}"
        constellation = "QPSK" if self.order == 2 else f"{points}-QAM"
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
    lanes         sides of a stereo signal, each of which carries a share of every superframe
    variant       number among the profiles that share a preamble, as the burst header tells it
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
    lanes: int = 1
    variant: int = 0

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
        return ahead + (symbols + self.lanes - 1) * (waveform.fft_size + prefix)

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
