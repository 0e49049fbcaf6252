"""What an observer of the receiver sees, for pictures of a signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modem.events import FrameStats
from modem.header import BurstHeader


@dataclass(frozen=True, slots=True)
class Observation:
    """What an observer sees of one superframe, or of a false start; arrays are its own copies.

    time_s         start of the superframe in the input [s]
    duration_s     its length, 0 for a false start [s]
    metric         of the detector, 0 to 1; 0 where the superframe before told the place
    header         None where it could not be read
    blocks         code blocks of the superframe, parity blocks counted
    blocks_failed  of those, the ones that the inner code could not restore
    packets        restored, after Reed-Solomon
    stats          None for a false start
    carrier_hz     (lanes * carriers,) float64, of one lane behind the other
    snr_db         (lanes * carriers,) float32, NaN where no data is sent
    constellation  (n,) complex64, some of the equalised cells
    delays_s       (symbols,) float64, late against the channel estimate, clock and slip taken off
    """

    time_s: float
    duration_s: float
    profile: str
    metric: float
    header: BurstHeader | None
    blocks: int
    blocks_failed: int
    packets: int
    stats: FrameStats | None
    carrier_hz: NDArray[np.float64]
    snr_db: NDArray[np.float32]
    constellation: NDArray[np.complex64]
    delays_s: NDArray[np.float64]
