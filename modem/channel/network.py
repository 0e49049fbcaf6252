"""Packet networks: drop-outs, and lost voice packets with concealment."""

import numpy as np
from numpy.typing import NDArray

from modem.channel.signal import Samples, Signal

_PACKET_S = 0.02
_SHORTEST_PITCH_S = 0.005
_LONGEST_PITCH_S = 0.015
_HOLD_S = 0.01
_FADE_S = 0.05
_JOIN_S = 0.00375


def dropout(signal: Signal, rng: np.random.Generator, length_s: float, period_s: float) -> Signal:
    """Every period, `length` of the signal is zero; the first one comes at a random time."""
    fs = signal.sample_rate
    length = round(length_s * fs)
    out = signal.samples.copy()
    at = rng.uniform(0, period_s)
    while at * fs < out.size:
        start = round(at * fs)
        out[start : start + length] = 0
        at += period_s
    return signal.holding(out)


def loss(signal: Signal, rng: np.random.Generator, percent: float) -> Signal:
    """20 ms voice packets lost independently at random, and concealed.

    As in Appendix I of ITU-T G.711: the last pitch period (5 to 15 ms, by correlation) is
    repeated, held for 10 ms and faded out over the next 50 ms; a short overlap joins it to the
    packet that follows.
    """
    size = round(_PACKET_S * signal.sample_rate)
    count = -(-signal.samples.size // size)
    lost = rng.random(count) < percent / 100
    out = signal.samples.copy()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], lost, [False])).astype(np.int8)))
    for first, past in edges.reshape(-1, 2):
        _conceal(out, first * size, min(past * size, out.size), signal.sample_rate)
    return signal.holding(out)


def _conceal(x: Samples, start: int, stop: int, fs: int) -> None:
    """Replace x[start:stop] by what came before it, and blend into what comes after."""
    join = min(round(_JOIN_S * fs), x.size - stop)
    length = stop - start + join
    pitch = _pitch(x[max(0, start - round(2 * _LONGEST_PITCH_S * fs)) : start], fs)
    if pitch == 0:
        x[start:stop] = 0
        return
    # Enough whole periods to cover the gap and the overlap after it.
    made = np.resize(x[start - pitch : start], length)
    time = np.arange(length) / fs
    made *= np.clip(1 - (time - _HOLD_S) / _FADE_S, 0, 1).astype(np.float32)
    x[start:stop] = made[: stop - start]
    rise = _rise(join)
    x[stop : stop + join] = rise * x[stop : stop + join] + (1 - rise) * made[stop - start :]


def _pitch(history: Samples, fs: int) -> int:
    """The lag in samples at which the history repeats best; 0 when there is too little of it."""
    shortest, longest = round(_SHORTEST_PITCH_S * fs), round(_LONGEST_PITCH_S * fs)
    if history.size < 2 * longest:
        return 0
    recent = history[-longest:]
    candidates = np.lib.stride_tricks.sliding_window_view(history, longest)
    earlier = candidates[history.size - longest - np.arange(shortest, longest + 1)]
    energy = np.einsum("ij,ij->i", earlier, earlier)
    match = (earlier @ recent) / np.sqrt(np.maximum(energy, 1e-20))
    return shortest + int(np.argmax(match))


def _rise(length: int) -> NDArray[np.float32]:
    return ((np.arange(length, dtype=np.float32) + 1) / (length + 1)).astype(np.float32)
