"""How noisy each cell of a superframe is, which is what weighs its soft bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modem.constellation import error_power
from modem.equalizer import moving_average
from modem.superframe import Layout

_REACH = 12  # carriers on either side over which the noise is taken as equal
_PILOT_REACH = 40  # the same for the unbiased but sparse estimate from pilots
_CHANCE = 5.0  # standard errors by which the pilots of a symbol may be noisier than usual


def estimate_noise(
    equalised: NDArray[np.complex64], plan: Layout, power: NDArray[np.floating] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Noise variance by carrier (lanes * carriers,), NaN where nothing is sent, and relative noise
    by symbol (symbols, lanes).

    equalised  (symbols, lanes * carriers)
    power      (lanes * carriers,) of the channel where its response is long, so that it makes the
               noise of neighbours unequal; None where they are alike

    Decisions give the shape of the noise from many cells but underestimate it, as errors beyond
    half the distance of two points are not seen; pilots set that right.
    """
    symbols, lanes, loaded = plan.symbols, plan.profile.lanes, plan.loaded
    expected = plan.reference[plan.pilots]
    pilot_error = np.abs(np.take_along_axis(equalised, plan.pilots, axis=1) - expected) ** 2
    decided = error_power(equalised, plan.speed.order, plan.speed.shape)
    np.put_along_axis(decided, plan.pilots, pilot_error, axis=1)
    errors = decided[:, loaded]

    # A click or a gap may be in one lane only.
    per_symbol = _relative(errors.reshape(symbols, lanes, -1))
    from_pilots = _relative(pilot_error.reshape(symbols, lanes, -1))
    hit = from_pilots > 1 + _CHANCE / np.sqrt(plan.comb.shape[1])
    per_symbol[hit] = np.maximum(from_pilots[hit], per_symbol[hit])
    per_symbol = np.clip(per_symbol, 0.5, 1e6)
    weight = 1 / per_symbol**2

    weights = np.repeat(weight, loaded.size // lanes, axis=1)
    shape = (errors * weights).sum(axis=0) / weights.sum(axis=0)
    if power is not None:
        level = power[loaded] / power[loaded].mean()
        shape = moving_average(shape * level, _REACH) / level
    else:
        shape = moving_average(shape, _REACH)
    shape = np.maximum(shape, 1e-9)

    true = np.zeros(equalised.shape[1])
    seen = np.zeros(equalised.shape[1])
    guess = np.ones(equalised.shape[1])
    guess[loaded] = shape
    each = np.repeat(weight, plan.pilots.shape[1] // lanes, axis=1)
    np.add.at(true, plan.pilots, pilot_error * each)
    np.add.at(seen, plan.pilots, guess[plan.pilots] * each)
    # Few symbols have no pilot near some carriers; a weight of nothing there must not drown in
    # the rounding of the large ones.
    seen = np.maximum(seen[loaded], 1e-9 * seen.mean() + 1e-12)
    excess = moving_average(true[loaded] / seen, _PILOT_REACH, seen)
    noise_var = np.full(equalised.shape[1], np.nan, np.float32)
    noise_var[loaded] = np.clip(shape * np.maximum(excess, 1.0), 1e-9, 1e9)
    return noise_var, per_symbol.astype(np.float32)


def _relative(errors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Errors (symbols, lanes, n) of each symbol against the usual ones of the lane."""
    by_symbol = np.median(errors, axis=2).astype(np.float64)
    return by_symbol / np.maximum(np.median(by_symbol, axis=0), 1e-12)
