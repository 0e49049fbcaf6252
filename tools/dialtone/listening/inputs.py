"""Where the sound comes from: a device, standard input, or what is fed by hand.

Each input has a thread of its own, from the samples to the packets. It never ends for what it
hears; a device that is gone is opened again and again.
"""

import copy
import io
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from dialtone.errors import Failure
from dialtone.hearing import Heard, Hearing, Missed
from dialtone.listening.journal import ERROR, WARNING, Journal
from dialtone.listening.meters import Meter
from dialtone.listening.packets import Caught, Packets
from dialtone.listening.polled import Polled
from dialtone.listening.worker import Worker
from dialtone.output import count

if TYPE_CHECKING:
    from dialtone.hearing import Samples, Signal
    from dialtone.soundcard.capture import Capture

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 2.0
_READ_S = 0.25  # how long a read may keep a thread from noticing that it has to stop
_GATHER_S = 0.1  # of sound that is taken at a time, as every piece costs
_FED_MAX_S = 10.0  # of sound that waits where a stream is fed faster than it can be heard
_LOSSES_S = 10.0  # between two sentences about lost packets


class Input(ABC):
    """One input: its thread, its name, what it has lost.

    failure   why it ended, where nobody asked for that
    overruns  how often samples were lost before they got here
    """

    def __init__(self, name: str, journal: Journal, packets: Packets) -> None:
        self.name = name
        self.failure: Failure | None = None
        self.overruns = 0
        self._journal = journal
        self._hub = journal.hub
        self._packets = packets
        self._stop = threading.Event()
        self._meter = Meter(self._hub, name)
        self._signal: Signal | None = None  # that was told last
        self._lost = 0
        self._lost_told_s = 0.0
        self._thread = Worker(self._run, f"input {name}")

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end: what it has heard is still read."""
        self._stop.set()

    def join(self) -> None:
        """Wait for its end, where it has begun."""
        self._thread.await_end()

    @property
    def alive(self) -> bool:
        """Whether it still listens."""
        return self._thread.is_alive()

    @abstractmethod
    def _run(self) -> None:
        """Listen until it is over."""

    def _opened(self, rates: list[int], channels: int, device: str | None = None) -> Hearing:
        """A new beginning of the sound."""
        hearing = Hearing(rates, channels, self._meter.see)
        rate = rates[0] if len(rates) == 1 else None
        self._tell("open", device, rate, channels)
        how = f"{rate} Hz" if rate else "a rate that is to be found out"
        self._journal.tell(
            "input", f"listening to {self.name}: {how}, {count(channels, 'channel')}",
            input=self.name, state="open", device=device, rate=rate, channels=channels,
        )  # fmt: skip
        return hearing

    def _ended(self) -> None:
        self._tell("ended")
        self._journal.tell("input", f"{self.name} has ended", input=self.name, state="ended")

    def _tell(
        self,
        state: str,
        device: str | None = None,
        rate: int | None = None,
        channels: int | None = None,
        note: str = "",
    ) -> None:
        self._hub.tell(
            "input", input=self.name, device=device, rate=rate, channels=channels, state=state,
            note=note,
        )  # fmt: skip

    def _hear(self, hearing: Hearing, chunk: "Samples") -> None:
        self._meter.hear(chunk, hearing, self.overruns)
        for item in hearing.process(chunk):
            self._pass_on(item)
        if self._lost and time.monotonic() - self._lost_told_s >= _LOSSES_S:
            self._tell_losses()

    def _finish(self, hearing: Hearing) -> None:
        for item in hearing.flush():
            self._pass_on(item)
        self._tell_losses()

    def _pass_on(self, item: Heard | Missed) -> None:
        if isinstance(item, Heard):
            if item.signal is not self._signal:
                self._signal = item.signal
                self._tell_signal(item.signal)
            self._packets.put(Caught(item.data, self.name, copy.copy(item.signal)))
        elif item.packets:
            self._lost += item.packets
        else:
            self._tell_losses()
            self._journal.tell(
                "lost", f"{self.name}: {item.reason}", WARNING, input=self.name,
                packets=0, reason=item.reason,
            )  # fmt: skip

    def _tell_signal(self, signal: "Signal") -> None:
        self._journal.tell(
            "signal",
            f"{self.name}: a transmission, profile {signal.profile}, speed {signal.speed}, "
            f"SNR {signal.snr_db:.1f} dB",
            input=self.name, profile=signal.profile, speed=signal.speed, snr_db=signal.snr_db,
            clock_ppm=signal.clock_ppm,
        )  # fmt: skip

    def _tell_losses(self) -> None:
        """Lost packets come by the superframe: they are told together."""
        if self._lost:
            reason = "too much noise or a gap"
            self._journal.tell(
                "lost", f"{self.name}: {count(self._lost, 'packet')} lost, {reason}", WARNING,
                input=self.name, packets=self._lost, reason=reason,
            )  # fmt: skip
            self._lost, self._lost_told_s = 0, time.monotonic()


class DeviceInput(Input):
    """A sound device. From its first opening on it is known by its name: numbers change.

    word      of `soundcard.devices.find`
    tried     set when it was opened, or could not be, for the first time
    """

    def __init__(
        self,
        word: str | None,
        rate: int | None,
        channels: int | None,
        journal: Journal,
        packets: Packets,
    ) -> None:
        super().__init__(word or "default", journal, packets)
        self.tried = threading.Event()
        self._word, self._rate, self._channels = word, rate, channels
        self._known = False
        self._away = False  # and that was said
        self._wait_s = _FIRST_WAIT_S
        self._overruns_told = 0
        self._overruns_told_s = -_LOSSES_S

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._listen()
                self.tried.set()
                self._stop.wait(self._wait_s)
                self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
        finally:
            self.tried.set()  # a fault of the program is for who waits for this to find
        self._ended()

    def _listen(self) -> None:
        """Until the device is gone, or it has to stop."""
        from dialtone.soundcard.capture import Capture, DeviceLostError

        try:
            with Capture(self._word, self._rate, self._channels) as capture:
                self._record(capture)
        except Failure as failure:
            if not self._known:
                self.failure = failure
            self._gone(failure.sentence)
        except DeviceLostError as error:
            self._gone(str(error))

    def _record(self, capture: "Capture") -> None:
        if not self._known:
            if self._away:  # under the word that it was asked for by
                self._tell("ended")
            self.name = self._word = capture.device.name
            self._meter = Meter(self._hub, self.name)
            self._known = True
        self.failure = None
        hearing = self._opened([capture.sample_rate], capture.channels, capture.device.name)
        self._away = False
        self.tried.set()
        overruns = self.overruns
        enough = round(_GATHER_S * capture.sample_rate)
        gathered: list[Samples] = []
        nothing = np.empty((0, capture.channels), np.float32)
        try:
            while not self._stop.is_set():
                gathered.append(capture.read(_READ_S))
                self._note_overruns(overruns + capture.overruns)
                if sum(map(len, gathered)) >= enough:
                    self._wait_s = _FIRST_WAIT_S
                    self._hear(hearing, np.concatenate(gathered))
                    gathered.clear()
        finally:
            self._hear(hearing, np.concatenate([*gathered, nothing]))
            self._finish(hearing)

    def _note_overruns(self, overruns: int) -> None:
        """The sound has gaps: say so, but not for each of them."""
        self.overruns = overruns
        now = time.monotonic()
        if overruns > self._overruns_told and now - self._overruns_told_s >= _LOSSES_S:
            more = overruns - self._overruns_told
            self._overruns_told, self._overruns_told_s = overruns, now
            self._journal.tell(
                "overrun", f"{self.name}: the computer was too slow, {count(more, 'gap')} in the "
                "sound", WARNING, input=self.name, gaps=more, overruns=overruns,
            )  # fmt: skip

    def _gone(self, why: str) -> None:
        if self._away:
            return
        self._away = True
        self._tell("lost", self._word, note=why)
        self._journal.tell(
            "input", f"{self.name} is lost: {why}; it is opened again as soon as it is back",
            WARNING, input=self.name, state="lost", reason=why,
        )  # fmt: skip


class StdinInput(Input):
    """Standard input: a WAV stream, or raw samples of 16 bits.

    rate  of raw samples [Hz]; None: those of all profiles are listened at until one fits
    """

    def __init__(
        self, rate: int | None, channels: int | None, journal: Journal, packets: Packets
    ) -> None:
        super().__init__("stdin", journal, packets)
        self._rate, self._channels = rate, channels

    def _run(self) -> None:
        import modem
        from dialtone.stdin_sound import open_stdin

        stream = io.BufferedReader(Polled(sys.stdin.fileno(), self._stop), 1 << 16)
        usual = sorted({profile.sample_rate for profile in modem.profiles.values()})
        try:
            source, known = open_stdin(self._rate or usual[0], self._channels or 1, stream)
            rates = [source.sample_rate] if known or self._rate else usual
            hearing = self._opened(rates, source.channels)
            for chunk in source:
                self._hear(hearing, chunk)
            self._finish(hearing)
        except Failure as failure:
            self._fail(failure)
        except OSError as error:
            self._fail(Failure(f"stdin cannot be read: {error.strerror or error}"))
        self._ended()

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self._journal.tell(
            "input", failure.sentence, ERROR, input=self.name, state="failed", hint=failure.hint
        )


class StreamInput(Input):
    """Samples that somebody brings, as from the microphone of the page."""

    def __init__(
        self, name: str, rate: int, channels: int, journal: Journal, packets: Packets
    ) -> None:
        super().__init__(name, journal, packets)
        self._rate, self._channels = rate, channels
        self._fed: deque[Samples] = deque()
        self._frames = 0
        self._changed = threading.Condition()
        self._closed = False

    def write(self, samples: "Samples") -> None:
        """Samples (n, channels) float32, full scale 1; of more than 10 s that nobody has heard
        yet the newest are dropped."""
        shaped = np.asarray(samples, np.float32).reshape(-1, self._channels)
        with self._changed:
            if self._frames + len(shaped) > _FED_MAX_S * self._rate:
                self.overruns += 1
                return
            self._fed.append(shaped)
            self._frames += len(shaped)
            self._changed.notify()

    @property
    def waiting(self) -> bool:
        """Whether something was written that nobody has heard yet."""
        with self._changed:
            return bool(self._fed)

    def close(self) -> None:
        """Nothing more comes: what was written is heard to its end."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def stop(self) -> None:
        super().stop()
        self.close()

    def _run(self) -> None:
        hearing = self._opened([self._rate], self._channels)
        while (chunk := self._next()) is not None:
            self._hear(hearing, chunk)
        self._finish(hearing)
        self._ended()

    def _next(self) -> "Samples | None":
        """What was written since the last call; None at the end."""
        with self._changed:
            while not self._fed and not self._closed:
                self._changed.wait()
            if not self._fed:
                return None
            joined = np.concatenate(self._fed)
            self._fed.clear()
            self._frames = 0
        return joined
