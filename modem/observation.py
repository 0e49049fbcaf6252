"""What an observer of the receiver sees, for pictures of a signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modem.events import FrameStats
from modem.header import BurstHeader


@dataclass(frozen=True, slots=True)
class Observation:
    """What an observer sees of one superframe; arrays are its own copies.

    snr_db         (carriers,) float32, NaN without payload
    constellation  (n,) complex64, some of the equalised cells
    delays_s       (symbols,) float64, delay against the first symbol, the clock's share taken off
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
