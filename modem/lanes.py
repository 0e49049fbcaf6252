"""Two lanes: a superframe that is spread over both sides of a stereo signal.

What is known of the signal ahead of the data (preamble, sync symbol, pilots) is the same in both
lanes, but for a quarter turn in the second, so each side of a recording can be followed as if it
held a single signal, whose channel is the sum of the two lanes' channels. The closing symbol, with
the opposite sign in the second lane, shows their difference. Both together tell how the cable mixes
the lanes at every carrier, which is then undone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modem.equalizer import TINY
from modem.superframe import LANE_TURNS, Layout
from modem.tracker import SymbolTracker, Track
from modem.transmitter import closing_cells


def separate(
    tracker: SymbolTracker,
    sides: Sequence[NDArray[np.float32]],
    window: float,
    plan: Layout,
    tracks: Sequence[Track],
) -> NDArray[np.complex64]:
    """Equalised cells (symbols, 2 * carriers) of the lanes.

    sides   (n,) samples of each side of the recording
    window  position of the sync symbol's window
    tracks  of the sum of the lanes on each side
    """
    first, second = [], []
    for side, track in zip(sides, tracks, strict=True):
        difference = _difference(tracker, side, window, plan, track)
        first.append((track.channel + difference) / 2)
        second.append((track.channel - difference) / np.complex64(2 * LANE_TURNS[1]))
    (a, c), (b, d) = first, second  # left = a * first + b * second, right = c * first + d * second
    determinant = a * d - b * c
    scale = np.conj(determinant) / (np.abs(determinant) ** 2 + TINY)
    untouched = np.ones_like(determinant)
    left, right = (
        tracker.settle(track.received, track.delays, track.gains, untouched) for track in tracks
    )
    return np.concatenate(
        (left * (d * scale) - right * (b * scale), right * (a * scale) - left * (c * scale)), axis=1
    )


def _difference(
    tracker: SymbolTracker,
    side: NDArray[np.float32],
    window: float,
    plan: Layout,
    track: Track,
) -> NDArray[np.complex64]:
    """(carriers,) channel of the first lane less the turned one of the second."""
    waveform = tracker.profile.numerology
    offset = track.offsets[-1:] + waveform.fft_size + plan.speed.prefix
    received = tracker.read(side, window, tracker.ratio * (1 + track.clock), offset)
    sent = closing_cells(tracker.profile, 0)
    raw = tracker.settle(received, track.delays[-1:], track.gains[-1:], sent)[0]
    return tracker.estimate_channel(raw, np.ones(raw.size), plan.speed.prefix)[0]
