"""A loop: what is played comes back. Over sound cards here, over anything in tests."""

import time
from contextlib import ExitStack
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dialtone.errors import ExitCode, Failure
from dialtone.output import Meter
from dialtone.soundcard.capture import Capture, DeviceLostError
from dialtone.soundcard.child import devices
from dialtone.soundcard.devices import find
from dialtone.soundcard.playback import Playback

_PIECE_S = 0.2
_AHEAD_S = 0.3  # silence ahead of each sound, while the card wakes up
_TAIL_S = 1.0  # recorded after the last sample was heard, unless the way is longer
_WAIT_S = 0.2
_FRESH_S = 0.15  # what comes at once is at most so much, unless it has waited
_CATCH_UP_S = 3.0  # after which it is no backlog, but a device of large blocks


class Loop(Protocol):
    """Plays sounds and records them at once.

    output, input  names of the devices
    rate           of the test sound to be played [Hz]
    record_rate    of what comes back [Hz]
    lanes          sides of the test sound: 2 where both devices have two
    tail_s         recorded after the last sample was heard: how long the way may be [s]
    underruns, overruns  so far
    """

    output: str
    input: str
    rate: int
    record_rate: int
    lanes: int
    tail_s: float
    underruns: int
    overruns: int

    def play(
        self, samples: NDArray[np.float32], rate: int, passband_hz: float, meter: Meter
    ) -> NDArray[np.float32]:
        """Play samples (n,) or (n, lanes) of a rate; returns what came back meanwhile, (m,
        channels) at `record_rate`. The meter is told the seconds played."""


class CardLoop:
    """A loop from one sound device to another, or back to the same; a context manager."""

    def __init__(self, output: str | None, source: str | None, rate: int | None) -> None:
        """output, source: words for the devices, None for the default; rate: of both [Hz], None
        for the default of each. Raises Failure (device)."""
        found = devices()
        device = find(output, found, playing=True)
        self._word = str(device.number)
        self._capture = Capture(source, rate)
        self.output, self.input = device.name, self._capture.device.name
        self.rate = device.rate if rate is None else rate
        self.record_rate = self._capture.sample_rate
        self.lanes = 2 if min(device.outputs, self._capture.channels) >= 2 else 1
        self.tail_s = _TAIL_S
        self.underruns = self.overruns = 0  # of the time in which something was played

    def play(
        self, samples: NDArray[np.float32], rate: int, passband_hz: float, meter: Meter
    ) -> NDArray[np.float32]:
        """See Loop. Raises Failure (device) where a device goes away."""
        try:
            return self._play(samples, rate, passband_hz, meter)
        except DeviceLostError as error:
            hint = "`dialtone devices` shows what there is; calibrate again"
            raise Failure(str(error), hint, ExitCode.DEVICE) from None

    def _play(
        self, samples: NDArray[np.float32], rate: int, passband_hz: float, meter: Meter
    ) -> NDArray[np.float32]:
        lanes = 1 if samples.ndim == 1 else samples.shape[1]
        parts = []
        with ExitStack() as stack:
            playback = Playback(self._word, rate, lanes, passband_hz)
            stack.enter_context(playback)
            self._catch_up()
            before = self._capture.overruns
            piece = round(_PIECE_S * rate)
            playback.write(np.zeros((round(_AHEAD_S * rate), lanes), np.float32))
            for start in range(0, len(samples), piece):
                playback.write(samples[start : start + piece])
                parts.append(self._capture.read(0.0))
                meter(max(playback.played_s - _AHEAD_S, 0.0))
            playback.drain(lambda: parts.append(self._capture.read(0.0)))
            self.underruns += playback.underruns
        late = 0
        while late < self.tail_s * self.record_rate:
            parts.append(self._capture.read(_WAIT_S))
            late += len(parts[-1])
        self.overruns += self._capture.overruns - before
        # Without the silence ahead, so that a delay is that of the way.
        return np.concatenate(parts)[round(_AHEAD_S * self.record_rate) :]

    def _catch_up(self) -> None:
        """Drop what was heard while nobody took it."""
        end = time.monotonic() + _CATCH_UP_S
        while len(self._capture.read(_WAIT_S)) > _FRESH_S * self.record_rate:
            if time.monotonic() >= end:
                break

    def close(self) -> None:
        """Free the devices."""
        self._capture.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
