"""The daemon itself: its inputs, its inbox, what happens in it.

input (a thread each)  sound -> modem -> packets -+
input                                             +-> queue -> inbox (a thread) -> arrivals
input                                             |                             -> hook (a thread)
hub                    <- everything tells it what happens
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dialtone.errors import Failure
from dialtone.listening.hooks import Hooks
from dialtone.listening.hub import Hub
from dialtone.listening.inputs import DeviceInput, Input, StdinInput, StreamInput
from dialtone.listening.intake import Intake
from dialtone.listening.journal import Journal
from dialtone.listening.packets import Packets
from dialtone.opening import Opening

__all__ = ["Inputs", "Station", "StreamInput"]

_STREAMS_MAX = 8


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is listened to.

    devices   words of `soundcard.devices.find`, None for the default device
    stdin     whether standard input is, too
    rate, channels  of all of them; None for what each has
    """

    devices: tuple[str | None, ...] = ()
    stdin: bool = False
    rate: int | None = None
    channels: int | None = None


class Station:
    """Listens until it is stopped, or until all inputs have ended.

    hub      what happens
    journal  the log
    folder   the inbox
    """

    def __init__(
        self,
        folder: Path,
        opening: Opening,
        journal: Journal,
        inputs: Inputs,
        keep_s: float,
        hooks: Hooks | None = None,
    ) -> None:
        """keep_s: how long an unfinished transfer waits for its next packet [s]. Raises
        StorageError where the inbox cannot be used."""
        self.hub: Hub = journal.hub
        self.folder = folder
        self.journal = journal
        self._hooks = hooks
        self._packets = Packets()
        hook = None if hooks is None else hooks.add
        self._intake = Intake(folder, opening, self._packets, journal, keep_s, hook)
        self._lock = threading.Lock()
        self._inputs: list[Input] = [
            DeviceInput(word, inputs.rate, inputs.channels, journal, self._packets)
            for word in inputs.devices
        ]
        if inputs.stdin:
            self._inputs.append(StdinInput(inputs.rate, inputs.channels, journal, self._packets))
        self._stopping = False

    def start(self) -> None:
        """Begin to listen. Raises Failure where none of several devices can be opened: one that
        is there is enough, the others are tried again and again."""
        if self._hooks is not None:
            self._hooks.start(self.folder)
        self._intake.start()
        for each in self._inputs:
            each.start()
        failures = self._first_failures()
        if failures and len(failures) == len(self._inputs):
            self.stop()
            raise failures[0]

    def _first_failures(self) -> Sequence[Failure]:
        devices = [each for each in self._inputs if isinstance(each, DeviceInput)]
        for device in devices:
            device.tried.wait()
        return [device.failure for device in devices if device.failure is not None]

    def open_stream(self, name: str, rate: int, channels: int = 1) -> StreamInput:
        """An input that is fed by hand, as the page's microphone.

        name      for people; where an input is called so already, a number is put behind it
        rate      8000 to 192000 [Hz]
        Raises Failure where there are too many of them.
        """
        with self._lock:
            self._inputs = [each for each in self._inputs if each.alive]
            taken = {each.name for each in self._inputs}
            if self._stopping or len(self._inputs) >= _STREAMS_MAX:
                raise Failure("there are too many inputs", "close one of them")
            free = name
            number = 2
            while free in taken:
                free = f"{name} {number}"
                number += 1
            stream = StreamInput(free, rate, channels, self.journal, self._packets)
            self._inputs.append(stream)
        stream.start()
        return stream

    def partial(self, transfer: str) -> bytes | None:
        """The picture that there is of an unfinished transfer, as an image file that says itself
        that it is not verified; None where there is none. Drawn anew at most once a second, and
        only while somebody watches the hub."""
        return self._intake.partial(transfer)

    @property
    def ended(self) -> bool:
        """Whether no input listens any more."""
        with self._lock:
            return not any(each.alive for each in self._inputs)

    def finish(self) -> None:
        """After the end of all inputs: store and deliver what they brought, run the hooks. A full
        disk is waited for. Raises the Failure of an input that could not be read."""
        self._intake.finish(wait=True)
        if self._hooks is not None:
            self._hooks.finish()
        for each in self._inputs:
            if each.failure is not None:
                raise each.failure

    def stop(self) -> None:
        """End: what was heard is read, stored and delivered; what the hook does is broken off and
        done at the next start."""
        with self._lock:
            self._stopping = True
            inputs = list(self._inputs)
        for each in inputs:
            each.stop()
        for each in inputs:
            each.join()
        self._intake.finish(wait=False)
        if self._hooks is not None:
            self._hooks.stop()
