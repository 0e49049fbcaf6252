"""Channel estimate and noise estimate of OFDM carriers.

The one-tap equaliser of a carrier divides by the channel's transfer function there. That function
is smooth over frequency because the channel's impulse response is short, and the estimate from a
single training symbol gains as much as the prefix is shorter than the symbol.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modem.waveforms.ofdm import Numerology

_SNR_STEP_DB = 6.0


class ChannelSmoother:
    """Linear MMSE smoothing and interpolation over frequency, for a given set of sounded carriers.

    The prior is a power-delay profile that is flat over 1.5 prefixes, centred where the receiver
    puts the middle of the response: half a prefix after the start of the FFT window. Source:
    van de Beek et al., On channel estimation in OFDM systems, IEEE VTC 1995.
    """

    def __init__(self, numerology: Numerology, sounded: NDArray[np.int64]) -> None:
        bins = numerology.carriers
        width = 1.5 * numerology.prefix / numerology.fft_size
        distance = bins[:, None] - bins[None, sounded]
        self._cross = np.sinc(distance * width)
        self._own = self._cross[sounded]
        centre = numerology.prefix / 2
        self._turn = np.exp(2j * np.pi * bins * centre / numerology.fft_size)
        self.sounded = sounded
        self._matrices: dict[int, NDArray[np.float64]] = {}

    def smooth(self, raw: NDArray[np.complex64], noise_to_signal: float) -> NDArray[np.complex64]:
        """Raw estimates on the sounded carriers (p,) to estimates on all carriers (n,).

        noise_to_signal  ratio of noise power to signal power of one raw estimate, > 0
        """
        step = int(np.clip(np.round(-10 * np.log10(noise_to_signal) / _SNR_STEP_DB), -1, 11))
        if step not in self._matrices:
            loaded = self._own + 10 ** (-step * _SNR_STEP_DB / 10) * np.eye(self.sounded.size)
            self._matrices[step] = np.linalg.solve(loaded, self._cross.T).T
        matrix = self._matrices[step]
        turned = (raw * self._turn[self.sounded]).astype(np.complex128)
        smoothed = matrix @ turned.real + 1j * (matrix @ turned.imag)
        return np.asarray(smoothed * np.conj(self._turn), np.complex64)


def moving_average(x: NDArray[np.floating], reach: int, axis: int = -1) -> NDArray[np.float32]:
    """Mean over the 2 * reach + 1 neighbours along an axis, over fewer at the ends."""
    x = np.moveaxis(np.asarray(x, np.float64), axis, -1)
    n = x.shape[-1]
    total = np.concatenate((np.zeros((*x.shape[:-1], 1)), np.cumsum(x, axis=-1)), axis=-1)
    low = np.maximum(np.arange(n) - reach, 0)
    high = np.minimum(np.arange(n) + reach + 1, n)
    mean = (total[..., high] - total[..., low]) / (high - low)
    return np.asarray(np.moveaxis(mean, -1, axis), np.float32)
