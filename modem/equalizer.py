"""Channel estimate and noise estimate of OFDM carriers.

The one-tap equaliser of a carrier divides by the channel's transfer function there. That function
is smooth over frequency because the channel's impulse response is short, and the estimate from a
single training symbol gains as much as the prefix is shorter than the symbol.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modem.waveforms.ofdm import Numerology


class ChannelSmoother:
    """Linear MMSE estimate of the channel on all carriers from noisy looks at some of them.

    The response is modelled by uncorrelated taps of equal power, one a sample, over 1.5 prefixes
    around the middle of the prefix, which is where the receiver puts the middle of the response.
    Source: van de Beek et al., On channel estimation in OFDM systems, IEEE VTC 1995.
    """

    def __init__(self, numerology: Numerology) -> None:
        reach = numerology.prefix // 4
        self._bins = numerology.carriers
        self._size = numerology.fft_size
        self._delays = np.arange(-reach, numerology.prefix + reach + 1)
        self._lags = self._delays[:, None] - self._delays

    def smooth(
        self,
        raw: NDArray[np.complexfloating],
        looks: NDArray[np.floating],
        noise_to_signal: float,
    ) -> NDArray[np.complex64]:
        """The channel (n,) on all carriers.

        raw    (n,) mean of the looks at each carrier; what stands where there is none is ignored
        looks  (n,) how many looks went into it, fractions for less reliable ones
        noise_to_signal  ratio of noise power to signal power of one look, > 0

        All sums over carriers are Fourier transforms, the normal equations' matrix among them.
        """
        count = self._delays.size
        spectrum = np.zeros((2, self._size), np.complex128)
        spectrum[0, self._bins] = looks * raw
        spectrum[1, self._bins] = looks
        seen, overlap = np.fft.ifft(spectrum) * self._size
        matrix = overlap[self._lags] + noise_to_signal * count * np.eye(count)
        response = np.zeros(self._size, np.complex128)
        response[self._delays] = np.linalg.solve(matrix, seen[self._delays])
        return np.asarray(np.fft.fft(response)[self._bins], np.complex64)


def moving_average(x: NDArray, reach: int, weight: NDArray | None = None) -> NDArray:
    """Mean over the 2 * reach + 1 neighbours in (n,) real or complex, over fewer at the ends.

    weight  (n,) >= 0, or None for equal weights
    returns (n,) in double precision: sums that start at one end would carry the rounding of a
            single large value in float32 to all that lie behind it
    """
    if weight is not None:
        return moving_average(x * weight, reach) / moving_average(weight, reach)
    total = np.concatenate(([0.0], np.cumsum(x, dtype=np.result_type(x, np.float64))))
    low = np.maximum(np.arange(x.size) - reach, 0)
    high = np.minimum(np.arange(x.size) + reach + 1, x.size)
    return np.asarray((total[high] - total[low]) / (high - low))
