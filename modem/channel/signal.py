"""What travels through a simulated channel, and the error of a bad specification."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

ACTIVE_BLOCK_S = 0.02
ACTIVE_RANGE_DB = 20.0


class ChannelError(ValueError):
    """A channel specification that cannot be understood or carried out; the text says why."""


class Signal(NamedTuple):
    """One mono signal: samples (n,) float32, full scale 1, at sample_rate [Hz]; for steps that act
    on all sides together (n, sides) where there are several."""

    samples: Samples
    sample_rate: int

    def holding(self, samples: NDArray[np.floating]) -> "Signal":
        """The same sample rate with other samples."""
        return Signal(np.ascontiguousarray(samples, dtype=np.float32), self.sample_rate)


def active_power(signal: Signal) -> float:
    """Mean square of the signal where it is on.

    The signal is cut into blocks of 20 ms; the blocks within 20 dB of the loudest one count, so
    silence around and between transmissions does not. 0 for an empty or silent signal.
    """
    powers = _block_powers(signal.samples, max(1, round(ACTIVE_BLOCK_S * signal.sample_rate)))
    if powers.size == 0:
        return 0.0
    return float(np.mean(powers[powers >= powers.max() * 10 ** (-ACTIVE_RANGE_DB / 10)]))


def _block_powers(samples: Samples, length: int) -> NDArray[np.float64]:
    """Mean square of each whole block; a signal shorter than one block is one block."""
    if 0 < samples.size < length:
        length = samples.size
    blocks = samples[: samples.size - samples.size % length].reshape(-1, length)
    return np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64) / length
