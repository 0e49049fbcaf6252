"""Sound out."""

import time
from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dialtone.errors import ExitCode, Failure
from dialtone.soundcard import protocol
from dialtone.soundcard.child import SILENT_S, Child, DeviceLostError, devices
from dialtone.soundcard.devices import find
from modem.sync.resampler import Resampler

__all__ = ["DeviceLostError", "Playback"]

_AHEAD_S = 1.0  # sound that waits in the sound process
_PIECE_S = 0.1  # sound handed over at a time
# Rates to play at where the device does not take that of the samples, from the best.
_CARD_RATES = (48000, 96000, 192000, 44100, 88200, 176400)
_KEPT = 0.955  # share of a band that a resampler lets through unharmed


class Playback:
    """Samples to a sound device, from its opening to `close`; a context manager.

    device       that plays
    sample_rate  of the device [Hz]; what is written is resampled to it
    underruns    how often the device had nothing to play before the end
    played_s     what has been heard so far [s]
    It may be written to from one thread at a time; `abort` may be called from any.
    """

    def __init__(
        self,
        word: str | None,
        rate: int,
        lanes: int,
        passband_hz: float | None = None,
        child: Child | None = None,
    ) -> None:
        """Open a device, which plays from the first sample on.

        word         its number, name or part of its name; None for the default one
        rate         of the samples that will be written [Hz]
        lanes        1 for mono, which comes from both sides; 2 for stereo
        passband_hz  highest frequency that must come through; None: 0.9 of half the rate
        child        a sound process that was started ahead, which this object then closes
        Raises Failure (device) where there is no such device, or none of its rates will do.
        """
        self._child = Child() if child is None else child
        self._rate = rate
        self._lanes = lanes
        self._passband_hz = 0.45 * rate if passband_hz is None else passband_hz
        self.underruns = 0
        self.played_s = 0.0
        try:
            self.device = find(word, self._child.devices(), playing=True)
            self._channels = min(self.device.outputs, 2)
            if lanes > self._channels:
                raise Failure(
                    f"the sound device {self.device.name} is mono, and this sound has two sides",
                    "take a profile of one side, such as cable",
                    ExitCode.DEVICE,
                )
            self.sample_rate = self._open()
        except BaseException:
            self._child.close()
            raise
        self._resamplers = [
            Resampler(rate, self.sample_rate, self._passband_hz)
            for _ in range(lanes * (rate != self.sample_rate))
        ]
        self._sent = 0  # frames, at the device's rate
        self._taken = 0
        self._calls = 0
        self._alive = time.monotonic()  # when the device was last seen to play

    def write(self, samples: NDArray[np.floating]) -> None:
        """Play samples (n,) or (n, 2), full scale 1; returns when all but a second is played.

        Raises DeviceLostError when the device is gone or stands still, and after `abort`.
        """
        self._put(self._resampled(np.asarray(samples, np.float32).reshape(-1, self._lanes)))

    def drain(self, tell: Callable[[], None] | None = None) -> None:
        """Return when the last sample has been heard; nothing can be written behind it.

        tell  called some 20 times a second meanwhile

        Raises DeviceLostError as `write` does.
        """
        if self._resamplers:
            # What a resampler looks ahead for has to come, and what it makes of it to be heard.
            self._put(self._resampled(np.zeros((self._rate // 10, self._lanes), np.float32)))
        self._child.send(protocol.message(protocol.DRAIN))
        self._alive = time.monotonic()
        while self._hear(SILENT_S) != protocol.DRAINED:
            self._check()
            if tell is not None:
                tell()

    def abort(self) -> None:
        """Silence at once. Always returns."""
        self._child.kill()

    def close(self) -> None:
        """Free the device; what has not been heard is dropped. Always returns."""
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> int:
        """Open at the rate of the samples, or at one that carries their band; returns it."""
        rates = [self._rate, *(rate for rate in _CARD_RATES if self._carries(rate))]
        try:
            opened = self._child.open(self.device, True, rates, self._channels)
        except Failure as failure:
            raise self._too_slow() or failure from None
        rate: int = opened["rate"]
        return rate

    def _carries(self, rate: int) -> bool:
        return _KEPT * rate / 2 >= self._passband_hz

    def _too_slow(self) -> Failure | None:
        """Why a device does not open, where that is its rates."""
        fresh = [device for device in devices(with_rates=True) if device.name == self.device.name]
        rates = fresh[0].rates if fresh else ()
        if not rates or any(map(self._carries, rates)):
            return None
        return Failure(
            f"the sound device {self.device.name} runs at {max(rates) / 1000:g} kHz at most, too "
            f"little for sound of up to {self._passband_hz / 1000:g} kHz",
            "take a profile of a narrower band, such as phone, or another --device",
            ExitCode.DEVICE,
        )

    def _resampled(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frames (n, lanes) at the device's rate, in as many channels as are played."""
        if self._resamplers:
            lanes = [
                resampler.process(np.ascontiguousarray(frames[:, lane]))
                for lane, resampler in enumerate(self._resamplers)
            ]
            frames = np.stack(lanes, axis=1)
        if self._lanes < self._channels:
            frames = np.repeat(frames, self._channels, axis=1)
        return np.clip(frames, -1, 1)

    def _put(self, frames: NDArray[np.float32]) -> None:
        piece = max(round(_PIECE_S * self.sample_rate), 1)
        while self._hear(0.0) is not None:
            pass
        self._alive = time.monotonic()
        for start in range(0, len(frames), piece):
            part = frames[start : start + piece]
            while self._sent + len(part) - self._taken > _AHEAD_S * self.sample_rate:
                self._hear(SILENT_S)
                self._check()
            self._child.send(protocol.message(protocol.SOUND, part.tobytes()))
            self._sent += len(part)

    def _hear(self, timeout_s: float) -> bytes | None:
        """Take one message in; returns its kind."""
        message = self._child.receive(timeout_s)
        if message is None:
            return None
        kind, content = message
        if kind == protocol.PLAYED:
            calls, self._taken, heard, self.underruns = protocol.PLAYED_FIELDS.unpack(content)
            self.played_s = heard / self.sample_rate
            if calls > self._calls:
                self._calls = calls
                self._alive = time.monotonic()
        return kind

    def _check(self) -> None:
        if time.monotonic() - self._alive >= SILENT_S:
            raise DeviceLostError("the sound device stands still")
