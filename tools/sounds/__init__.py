"""Sounds that are no signals of ours, made anew from a seed: noise, tones, telephone lines, other
modems, music, speech.

A maker is a function of a random generator, a length [s] and a sample rate [Hz] that returns
samples (n,) at a level of its own.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Maker = Callable[[np.random.Generator, float, int], Samples]


def times(seconds: float, rate: int) -> Samples:
    """(n,) instants of the samples [s]."""
    return np.arange(round(seconds * rate)) / rate


def played(frequency: Samples, rate: int) -> Samples:
    """A sine of these frequencies (n,) [Hz], its phase continuous."""
    return np.asarray(np.sin(2 * np.pi * np.cumsum(frequency) / rate))


def held(values: Samples, lengths: Samples, rate: int, count: int) -> Samples:
    """(count,) samples: each value for its length [s], from the start again where they end."""
    ends = np.cumsum(np.maximum(np.rint(lengths * rate), 1)).astype(np.int64)
    return np.asarray(values[np.searchsorted(ends, np.arange(count) % ends[-1], side="right")])


def softened(gate: Samples, rate: int, edge_s: float) -> Samples:
    """A gate whose edges take `edge_s` [s]."""
    width = max(round(edge_s * rate), 1)
    total = np.cumsum(np.concatenate((np.full(width, gate[0]), gate)))
    return np.asarray((total[width:] - total[:-width]) / width)


def mix(total: Samples, part: Samples, at: float, rate: int) -> None:
    """Add a part to the whole, from `at` [s] on, as far as it reaches."""
    low = round(at * rate)
    if low < total.size:
        total[low : low + part.size] += part[: total.size - low]
