"""The sound process as the program sees it: started, asked, never waited for without an end."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections import deque
from typing import IO, Any

from dialtone.errors import ExitCode, Failure
from dialtone.soundcard import protocol
from dialtone.soundcard.devices import Device

SILENT_S = 1.8  # a device that shows no life for so long is lost
_OPENING_S = 8.0  # USB cards and sound servers that are just starting take their time
_READ = 1 << 18
_DEBUG = "DIALTONE_DEBUG"  # shows what ALSA has to say, too


class DeviceLostError(Exception):
    """The sound device is gone."""

    hint = "`dialtone devices` shows what there is"
    code = ExitCode.DEVICE

    def __init__(self, sentence: str = "the sound device is gone") -> None:
        super().__init__(sentence)


class Child:
    """A sound process. It starts at once; what it says is waited for only when it is needed.

    Killed at `close`, which always returns: nothing in it is worth keeping.
    """

    def __init__(self) -> None:
        """Raises Failure (device) where the system has no room for one more process."""
        command = [sys.executable, "-P", "-m", "dialtone.soundcard.worker"]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if os.environ.get(_DEBUG) else subprocess.DEVNULL,
                bufsize=0,
                # Ctrl-C is for the program, which may have something to play to its end.
                start_new_session=True,
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Failure(
                f"the sound process cannot be started: {reason}",
                "end other programs, or raise the limits of this one",
                ExitCode.DEVICE,
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)
        self._messages = protocol.Messages()
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._devices: list[Device] | None = None

    def devices(self, with_rates: bool = False) -> list[Device]:
        """What there is, numbered as this process numbers it. Raises Failure where it cannot."""
        if self._devices is None:
            self._devices = self._listed()
        if with_rates:
            self._ask(protocol.message(protocol.RATES))
            self._devices = self._listed()
        return self._devices

    def open(
        self, device: Device, playing: bool, rates: list[int], channels: int
    ) -> dict[str, Any]:
        """Open a device at the first of the rates that it takes; returns the fields of OPENED.

        Raises Failure where it cannot be opened.
        """
        asked = {"number": device.number, "rates": rates, "channels": channels}
        self._ask(protocol.note(protocol.OPEN, playing=playing, **asked))
        what = f"cannot open the sound device {device.name}"
        return protocol.fields(self._answer(protocol.OPENED, what))

    def receive(self, timeout_s: float) -> tuple[bytes, bytes] | None:
        """The next message (kind, content); None where none came in time.

        Raises DeviceLostError when the process has ended or says that the device failed.
        """
        heard = self._next(timeout_s)
        if heard is not None and heard[0] == protocol.FAILED:
            raise DeviceLostError(f"the sound device is gone: {protocol.fields(heard[1])['error']}")
        return heard

    def _next(self, timeout_s: float) -> tuple[bytes, bytes] | None:
        deadline = time.monotonic() + timeout_s
        while not self._waiting:
            try:
                data = os.read(self._output.fileno(), _READ)
            except BlockingIOError:
                if not self._ready(self._output, select.POLLIN, deadline):
                    return None
                continue
            except (OSError, ValueError):  # closed by another thread
                data = b""
            if not data:
                raise DeviceLostError
            try:
                self._waiting.extend(self._messages.process(data))
            except ValueError:  # a library has printed something in between
                raise DeviceLostError("the sound process cannot be understood") from None
        return self._waiting.popleft()

    def send(self, data: bytes) -> None:
        """Raises DeviceLostError when the process has ended or takes nothing for SILENT_S."""
        view = memoryview(data)
        deadline = time.monotonic() + SILENT_S
        while view:
            try:
                view = view[os.write(self._input.fileno(), view) :]
            except BlockingIOError:
                if not self._ready(self._input, select.POLLOUT, deadline):
                    raise DeviceLostError from None
            except (OSError, ValueError):
                raise DeviceLostError from None

    def kill(self) -> None:
        """Silence at once, from any thread; who reads or writes is told that the device is gone."""
        self._process.kill()

    def close(self) -> None:
        """End the process, whatever it does: sound stops at once."""
        self._process.kill()
        # A process inside a system call that never returns cannot even be killed.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SILENT_S)
        self._input.close()
        self._output.close()

    def _ready(self, pipe: IO[bytes], event: int, deadline: float) -> bool:
        """Wait until a pipe is ready, until the deadline at most."""
        waiting = select.poll()
        waiting.register(pipe, event)
        return bool(waiting.poll(max(deadline - time.monotonic(), 0) * 1000))

    def _listed(self) -> list[Device]:
        content = self._answer(protocol.DEVICES, "the sound devices cannot be listed")
        rows = protocol.fields(content)["devices"]
        return [Device(**row | {"rates": tuple(row["rates"])}) for row in rows]

    def _ask(self, data: bytes) -> None:
        with contextlib.suppress(DeviceLostError):  # why, is in what it said last
            self.send(data)

    def _answer(self, wanted: bytes, what: str) -> bytes:
        """The content of the next message of a kind; what: the beginning of the sentence of the
        Failure where none comes."""
        deadline = time.monotonic() + _OPENING_S
        hint = DeviceLostError.hint
        try:
            while (heard := self._next(deadline - time.monotonic())) is not None:
                kind, content = heard
                if kind == wanted:
                    return content
                if kind == protocol.FAILED:
                    failed = protocol.fields(content)
                    sentence = f"{what}: {failed['error']}"
                    raise Failure(sentence, failed["hint"] or hint, ExitCode.DEVICE)
        except DeviceLostError:
            raise Failure(f"{what}: the sound process ended", hint, ExitCode.DEVICE) from None
        raise Failure(f"{what}: it does not answer", "is the sound server well?", ExitCode.DEVICE)


def devices(with_rates: bool = False) -> list[Device]:
    """The sound devices of this moment; with_rates: ask each what rates it takes, too.

    Raises Failure (device) where they cannot be listed, as without PortAudio.
    """
    with contextlib.closing(Child()) as child:
        return child.devices(with_rates)
