"""What a receiver reports: small frozen records, in the order in which they happened.

time_s of every event is a position in the input, counted from its first sample [s]: the start of
the superframe that the event is about, the end of the last one for Lost and Ended.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameStats:
    """Estimates of one superframe.

    snr_db      signal-to-noise ratio of the equalised cells: that of a flat channel with the
                capacity of all data carriers together [dB]
    evm_db      error vector magnitude of the same cells against the nearest constellation points,
                which flatters a signal too bad to decide [dB, negative is good]
    level_dbfs  rms level of sync symbol and payload [dB relative to a full-scale rms of 1]
    clock_ppm   sampling clock of the sender against the receiver [1e-6]; positive: the sender's
                clock is slow, so that its signal takes longer here
    """

    snr_db: float
    evm_db: float
    level_dbfs: float
    clock_ppm: float


@dataclass(frozen=True, slots=True)
class Acquired:
    """A superframe whose burst header was valid; `speed` is 1-based, `superframe` its number in
    the transmission modulo 65536."""

    time_s: float
    profile: str
    speed: int
    superframe: int
    stats: FrameStats


@dataclass(frozen=True, slots=True)
class Packet:
    """One recovered packet, exactly as it was given to the transmitter; `speed` is 1-based."""

    time_s: float
    profile: str
    speed: int
    data: bytes


@dataclass(frozen=True, slots=True)
class BlockLost:
    """`count` packets of one superframe that the FEC could not restore."""

    time_s: float
    count: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The signal went away, or could not be read, where one was expected."""

    time_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The sender's last superframe has been read; air_s is the time since the start of the first
    one that was, `stats` are the last one's."""

    time_s: float
    air_s: float
    stats: FrameStats


Event = Acquired | Packet | BlockLost | Lost | Ended
