"""Sound in."""

import time
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dialtone.errors import ExitCode, Failure
from dialtone.soundcard import protocol
from dialtone.soundcard.child import SILENT_S, Child, DeviceLostError
from dialtone.soundcard.devices import find

__all__ = ["Capture", "DeviceLostError"]

_LEAST_S = 0.2  # that a device has to say something after this program was busy with other things


class Capture:
    """What a sound device hears, from its opening to `close`; a context manager.

    device       that is recorded from
    sample_rate  [Hz]
    channels     of every chunk, 1 or 2
    overruns     how often samples were lost, as nobody took them in time
    It may be read from one thread at a time.
    """

    def __init__(
        self,
        word: str | None,
        rate: int | None = None,
        channels: int | None = None,
        child: Child | None = None,
    ) -> None:
        """Open a device and begin to listen.

        word      its number, name or part of its name; None for the default one
        rate      [Hz]; None: the device's default
        channels  None: 2 where the device has them, else 1
        child     a sound process that was started ahead, which this object then closes
        Raises Failure (device) where there is no such device, or it cannot be opened that way.
        """
        self._child = Child() if child is None else child
        try:
            self.device = find(word, self._child.devices(), playing=False)
            self.channels = min(self.device.inputs, 2) if channels is None else channels
            if self.channels > self.device.inputs:
                raise Failure(
                    f"the sound device {self.device.name} has no {self.channels} channels",
                    f"it has {self.device.inputs}",
                    ExitCode.DEVICE,
                )
            wanted = self.device.rate if rate is None else rate
            opened = self._child.open(self.device, False, [wanted], self.channels)
        except BaseException:
            self._child.close()
            raise
        self.sample_rate: int = opened["rate"]
        self.overruns = 0
        self._heard = time.monotonic()
        self._lost: DeviceLostError | None = None

    def read(self, timeout_s: float) -> NDArray[np.float32]:
        """What was heard since the last call, (n, channels), full scale 1; n is 0 where nothing
        came in time.

        timeout_s  to wait for the first sample [s]
        Raises DeviceLostError when the device is gone or has delivered nothing for SILENT_S.
        """
        if self._lost is not None:
            raise self._lost
        parts: list[NDArray[np.float32]] = []
        wait_s = min(timeout_s, max(self._heard + SILENT_S - time.monotonic(), _LEAST_S))
        try:
            while (message := self._child.receive(0.0 if parts else wait_s)) is not None:
                kind, content = message
                if kind == protocol.SOUND:
                    (self.overruns,) = protocol.COUNTED.unpack_from(content)
                    parts.append(np.frombuffer(content, np.float32, offset=protocol.COUNTED.size))
                    self._heard = time.monotonic()
        except DeviceLostError as error:
            if not parts:
                raise
            self._lost = error  # what was heard before comes first
        if not parts:
            if time.monotonic() - self._heard >= SILENT_S:
                raise DeviceLostError("the sound device has stopped to deliver sound")
            return np.empty((0, self.channels), np.float32)
        return np.concatenate(parts).reshape(-1, self.channels)

    def close(self) -> None:
        """Stop listening. Always returns."""
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
