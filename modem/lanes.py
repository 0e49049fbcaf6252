"""Two lanes: a superframe that is spread over both sides of a stereo signal.

What is known of the signal ahead of the data (preamble, sync symbol, pilots) is the same in both
lanes, but for a quarter turn in the second, so each side of a recording can be followed as if it
held a single signal, whose channel is the sum of the two lanes' channels. The closing symbol, with
the opposite sign in the second lane, shows their difference. Both together tell how the cable mixes
the lanes at every carrier, which is then undone. Where something hit the closing symbol, the
superframe before tells what share of the sum the difference is: gains, delays and clocks change
both alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modem.equalizer import TINY
from modem.superframe import LANE_TURNS, Layout
from modem.tracker import SymbolTracker, Track
from modem.transmitter import closing_cells

_DISTURBED = 4.0  # a closing symbol this much noisier than the pilots was hit by something

_ALIKE = 1e-3  # of 1 for a lane on each side; to tell the lanes apart costs some 30 dB below this


def alike(channel: NDArray[np.complex64]) -> bool:
    """Whether both sides hold the same mix of the lanes, or one side nothing; of a channel as
    `separate` returns it. Where the closing symbol was not heard nobody knows."""
    left, right, left_apart, right_apart = np.split(channel, 4)
    # But for a factor, the determinant and the power of the matrix that mixes the lanes.
    determinant = np.abs(left * right_apart - right * left_apart) ** 2
    total, apart = (np.abs(channel.reshape(2, 2, -1)) ** 2).sum(axis=1)
    heard = apart.mean() > total.mean() / 2
    return bool(heard and np.mean(4 * determinant) < _ALIKE * np.mean((total + apart) ** 2))


def separate(
    tracker: SymbolTracker,
    sides: Sequence[NDArray[np.float32]],
    window: float,
    plan: Layout,
    tracks: Sequence[Track],
    earlier: NDArray[np.complex64] | None,
) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """Equalised cells (symbols, 2 * carriers) of the lanes, and the channel (4 * carriers,): the
    sum of the lanes on each side, then their difference on each side.

    sides    (n,) samples of each side of the recording
    window   position of the sync symbol's window
    tracks   of the sum of the lanes on each side
    earlier  channel of a superframe before, as it is returned here
    """
    settled = [_settled(tracker, track) for track in tracks]
    differences, first, second = [], [], []
    for i, (side, track) in enumerate(zip(sides, tracks, strict=True)):
        difference, noise = _difference(tracker, side, window, plan, track)
        if earlier is not None and noise > _DISTURBED * _pilot_noise(settled[i], plan, track):
            total, apart = np.split(earlier, 4)[i::2]
            difference = track.channel * apart * np.conj(total) / (np.abs(total) ** 2 + TINY)
        differences.append(difference)
        first.append((track.channel + difference) / 2)
        second.append((track.channel - difference) / np.complex64(2 * LANE_TURNS[1]))
    (a, c), (b, d) = first, second  # left = a * first + b * second, right = c * first + d * second
    determinant = a * d - b * c
    scale = np.conj(determinant) / (np.abs(determinant) ** 2 + TINY)
    left, right = settled
    cells = np.concatenate(
        (left * (d * scale) - right * (b * scale), right * (a * scale) - left * (c * scale)), axis=1
    )
    return cells, np.concatenate([track.channel for track in tracks] + differences)


def _settled(tracker: SymbolTracker, track: Track) -> NDArray[np.complex64]:
    """Cells (symbols, carriers) of which nothing but the channel is left to be taken off."""
    untouched = np.ones_like(track.channel)
    return tracker.settle(track.received, track.delays, track.gains, untouched)


def _pilot_noise(settled: NDArray[np.complex64], plan: Layout, track: Track) -> float:
    """Usual noise power of the pilots on this side."""
    pilots = np.take_along_axis(settled, plan.comb, axis=1)
    error = pilots - (plan.reference[: track.channel.size] * track.channel)[plan.comb]
    return float(np.median(np.mean(np.abs(error) ** 2, axis=1)))


def _difference(
    tracker: SymbolTracker,
    side: NDArray[np.float32],
    window: float,
    plan: Layout,
    track: Track,
) -> tuple[NDArray[np.complex64], float]:
    """(carriers,) channel of the first lane less the turned one of the second, and the noise power
    of the symbol that shows it."""
    waveform = tracker.profile.numerology
    offset = track.offsets[-1:] + waveform.fft_size + plan.speed.prefix
    received = tracker.read(side, window, tracker.ratio * (1 + track.clock), offset)
    sent = closing_cells(tracker.profile, 0)
    raw = tracker.settle(received, track.delays[-1:], track.gains[-1:], sent)[0]
    channel, noise = tracker.estimate_channel(raw, np.ones(raw.size), plan.speed.prefix)
    return channel, float(noise.mean())
