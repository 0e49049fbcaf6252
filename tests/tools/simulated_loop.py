"""A loop over simulated channels, for tests without a sound card."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modem import channel
from modem.sync.resampler import Resampler


class SimulatedLoop:
    """Plays into a channel of `modem.channel`; the sound card resamples to its own rate, as a real
    one does, and its converter clips at full scale."""

    def __init__(
        self, spec: str, *, seed: int = 0, lanes: int = 1, rate: int = 48000, late_s: float = 0.4
    ) -> None:
        self.output, self.input = "simulated card", "simulated line"
        self.rate = self.record_rate = rate
        self.lanes = lanes
        self.tail_s = 1.0
        self.underruns = self.overruns = 0
        self.seconds = 0.0
        self._late_s = late_s
        self._channel = channel.parse(spec, seed)

    def play(
        self, samples: NDArray[np.float32], rate: int, passband_hz: float, meter: Any
    ) -> NDArray[np.float32]:
        frames = samples[:, None] if samples.ndim == 1 else samples
        if rate != self.rate:
            more = np.zeros((rate // 10, frames.shape[1]), np.float32)
            padded = np.concatenate((frames, more))
            ways = [Resampler(rate, self.rate, passband_hz) for _ in range(frames.shape[1])]
            frames = np.stack([way.process(np.ascontiguousarray(side)) for way, side in
                               zip(ways, padded.T, strict=True)], axis=1)  # fmt: skip
        frames = np.broadcast_to(frames, (len(frames), self.lanes))
        quiet = np.zeros((round(self._late_s * self.rate), self.lanes), np.float32)
        played = np.concatenate((quiet, frames, quiet))
        self.seconds += len(frames) / self.rate
        heard, self.record_rate = self._channel.apply(played, self.rate)
        meter(len(frames) / self.rate)
        return np.clip(heard, -1, 1)
