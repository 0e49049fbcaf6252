"""What a receiver reports: small frozen records, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameStats:
    """Estimates of one superframe.

    snr_db      mean signal-to-noise ratio over the data carriers [dB]
    evm_db      error vector magnitude of the equalised cells [dB, negative is good]
    level_dbfs  rms level of the superframe [dB relative to full scale]
    clock_ppm   sampling clock of the sender against the receiver [1e-6]; positive: the sender's
                clock is slow, so that its signal takes longer here
    """

    snr_db: float
    evm_db: float
    level_dbfs: float
    clock_ppm: float


@dataclass(frozen=True, slots=True)
class Acquired:
    """A preamble was found and the burst header behind it was valid."""

    time_s: float
    profile: str
    speed: int
    superframe: int
    stats: FrameStats


@dataclass(frozen=True, slots=True)
class Packet:
    """One recovered packet, exactly as it was given to the transmitter."""

    time_s: float
    profile: str
    speed: int
    data: bytes


@dataclass(frozen=True, slots=True)
class BlockLost:
    """Packets of one superframe that the FEC could not restore."""

    time_s: float
    count: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The signal went away, or could not be read, where one was expected."""

    time_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The sender's last superframe has been read; air_s is the time since the first one."""

    time_s: float
    air_s: float
    stats: FrameStats


Event = Acquired | Packet | BlockLost | Lost | Ended
