"""Channel estimate and noise estimate of OFDM carriers.

The one-tap equaliser of a carrier divides by the channel's transfer function there. That function
is smooth over frequency because the channel's impulse response is short, and the estimate from a
single training symbol gains as much as the prefix is shorter than the symbol.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from modem.toeplitz import solve_toeplitz
from modem.waveforms.ofdm import Numerology

TINY = 1e-20  # keeps the powers of digital silence off zero
_RUN = 64  # carriers whose turns come from one exponential

Fit = Callable[[float], NDArray[np.complex64]]

_FLOOR = 0.1  # power that any tap may have, in noise powers of a tap
_MAX_STEPS = 60  # of conjugate gradients
_RESIDUAL = (
    0.02  # of the normal equations, in noise-to-signal amplitudes: enough to count as solved
)


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
        """
        return self.fit(raw, looks)(noise_to_signal)

    def fit(self, raw: NDArray[np.complexfloating], looks: NDArray[np.floating]) -> Fit:
        """`smooth` as a function of the noise, for those who try several.

        All sums over carriers are Fourier transforms, the normal equations' matrix among them.
        """
        count = self._delays.size
        spectrum = np.zeros((2, self._size), np.complex128)
        spectrum[0, self._bins] = looks * raw
        spectrum[1, self._bins] = looks
        seen, overlap = np.fft.ifft(spectrum) * self._size
        column = overlap[:count]
        wanted = seen[self._delays]

        def smooth(noise_to_signal: float) -> NDArray[np.complex64]:
            ridged = column.copy()
            ridged[0] += noise_to_signal * count
            response = np.zeros(self._size, np.complex128)
            response[self._delays] = solve_toeplitz(ridged, wanted)
            return np.asarray(np.fft.fft(response)[self._bins], np.complex64)

        return smooth


class LongResponseSmoother:
    """Linear MMSE estimate of a channel whose response spans a good part of the symbol.

    The taps' powers are unknown (single echoes, a decaying room), so they are estimated along with
    the taps: each round takes as prior what the round before found, averaged over neighbours.
    Source: Tipping, Sparse Bayesian learning, JMLR 1, 2001, with the posterior variance of a tap
    replaced by a share of the noise in it. The normal equations are solved by conjugate gradients,
    in which the matrix is applied as two Fourier transforms (Hestenes & Stiefel, 1952).

    first, last  delays of the model [samples], ends included
    reach        taps on either side that are taken to have the same power
    rounds       of estimating taps and their powers; single echoes need more than a smooth decay
    """

    def __init__(
        self, numerology: Numerology, first: int, last: int, reach: int, rounds: int
    ) -> None:
        self._bins = numerology.carriers
        self._size = numerology.fft_size
        self._delays = np.arange(first, last + 1)
        self._reach = reach
        self._rounds = rounds

    def smooth(
        self,
        raw: NDArray[np.complexfloating],
        looks: NDArray[np.floating],
        noise_to_signal: float,
    ) -> NDArray[np.complex64]:
        """The channel (n,) on all carriers, from arguments as in ChannelSmoother.smooth."""
        return self.fit(raw, looks)(noise_to_signal)

    def fit(self, raw: NDArray[np.complexfloating], looks: NDArray[np.floating]) -> Fit:
        """As ChannelSmoother.fit."""
        delays = self._delays
        weights = np.zeros(self._size, np.float32)
        weights[self._bins] = looks
        spectrum = np.zeros(self._size, np.complex128)
        spectrum[self._bins] = looks * raw
        seen = (np.fft.ifft(spectrum) * self._size)[delays].astype(np.complex64)
        total = float(looks.sum())
        taps = np.zeros(delays.size, np.complex64)  # of the last call: where the next one begins

        def smooth(noise_to_signal: float) -> NDArray[np.complex64]:
            nonlocal taps
            prior = np.full(delays.size, 1 / delays.size)
            floor = _FLOOR * noise_to_signal / total
            for _ in range(self._rounds):
                scale = np.sqrt(prior).astype(np.float32)
                taps = self._solve(seen, weights, scale, noise_to_signal, taps)
                power = moving_average(taps.real**2 + taps.imag**2, self._reach)
                sum_of_powers = float(power.sum())
                if sum_of_powers <= 0:
                    break
                prior = power / sum_of_powers + floor
            response = np.zeros(self._size, np.complex64)
            response[delays] = taps
            return np.asarray(np.fft.fft(response)[self._bins], np.complex64)

        return smooth

    def _solve(
        self,
        seen: NDArray[np.complex64],
        weights: NDArray[np.float32],
        scale: NDArray[np.float32],
        ridge: float,
        start: NDArray[np.complex64],
    ) -> NDArray[np.complex64]:
        """Taps t = s u where (s F^H W F s + ridge) u = s seen, from a first guess of t. Single
        precision: the residual that is enough lies far above its rounding."""
        padded = np.zeros(self._size, np.complex64)

        def apply(u: NDArray[np.complex64]) -> NDArray[np.complex64]:
            padded[self._delays] = scale * u
            turned = np.fft.ifft(np.fft.fft(padded) * weights) * self._size
            return scale * turned[self._delays] + ridge * u

        wanted = scale * seen
        u = start / scale
        rest = wanted - apply(u)
        step = rest.copy()
        energy = float(np.vdot(rest, rest).real)
        enough = _RESIDUAL**2 * min(ridge, 1.0) * float(np.vdot(wanted, wanted).real)
        for _ in range(_MAX_STEPS):
            if energy <= enough:
                break
            ahead = apply(step)
            length = energy / float(np.vdot(step, ahead).real)
            u += length * step
            rest -= length * ahead
            before, energy = energy, float(np.vdot(rest, rest).real)
            step = rest + energy / before * step
        return scale * u


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


@njit(cache=True, nogil=True)
def equalise(
    received: NDArray[np.complex64],
    channel: NDArray[np.complex64],
    delays: NDArray[np.float64],
    gains: NDArray[np.complex128],
    bins: NDArray[np.int64],
    fft_size: int,
) -> NDArray[np.complex64]:
    """Cells (symbols, carriers) with the channel (carriers,) and each symbol's delay [samples] and
    gain taken off; bins (carriers,) follow one another."""
    symbols, carriers = received.shape
    out = np.empty((symbols, carriers), np.complex64)
    power = np.empty(carriers)
    for k in range(carriers):
        power[k] = channel[k].real ** 2 + channel[k].imag ** 2
    run = np.empty(_RUN, np.complex128)
    for s in range(symbols):
        turn = 2j * np.pi / fft_size * delays[s]
        for j in range(_RUN):
            run[j] = np.exp(turn * j)
        gain_power = gains[s].real ** 2 + gains[s].imag ** 2
        for first in range(0, carriers, _RUN):
            start = np.exp(turn * bins[first]) * np.conj(gains[s])
            for k in range(first, min(first + _RUN, carriers)):
                whole = (
                    received[s, k] * np.conj(np.complex128(channel[k])) * (start * run[k - first])
                )
                out[s, k] = whole * (1 / (gain_power * power[k] + TINY))
    return out
