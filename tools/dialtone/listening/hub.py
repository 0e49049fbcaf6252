"""What happens in the daemon, for whoever watches: the page, the terminal, the log.

Every event is a dict that JSON can hold, with its `type`:

    input       input, device, rate, channels, state ("open", "lost", "ended"), note
    level       input, peak_dbfs, rms_dbfs, clipped (share of samples), overruns, seconds (of
                sound so far), waits_for ("searching", "aligning", "receiving")
    spectrum    input, low_hz, high_hz, dbfs: list of integers, one for each band
    superframe  input, profile, speed, number, snr_db, evm_db, level_dbfs, clock_ppm, blocks,
                blocks_failed, packets, carrier_hz, carrier_snr_db (None where no data is sent),
                constellation: list of [re, im]
    transfer    transfer, name, bytes, have, needed, exact, state ("arriving", "locked",
                "complete", "refused"), input, snr_db, reason, picture (a number that grows with
                each new partial picture; 0 without one)
    received    the receipt of a file that arrived
    sending     id, file, stage ("preparing", "ready", "playing", "done", "failed", "cancelled",
                "removed"), seconds, total_seconds, level_dbfs, reason, made (whether its sound is
                there), and once it is planned bytes, packets, profile, speed, rate, lanes,
                transfer, protection
    log         time (s since 1970 UTC), level ("info", "warning", "error"), text, fields

Numbers that are not known are None. Levels are relative to full scale, a sine of which has a peak
of 0 dBFS and an rms of -3.01 dBFS.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Self

Event = dict[str, Any]

_LOG_KEPT = 200
_QUEUE_MAX = 512  # events that wait for a slow watcher; the oldest go first
_KEPT_TRANSFERS = 100
_KEPT_ENDED = 10  # inputs that have ended


class Watcher:
    """One who watches: a queue of events, of which the oldest are dropped when it is too slow.

    wake  called, from any thread, when there is something to take
    """

    def __init__(self, hub: "Hub", wake: Callable[[], None], spectra: bool, pictures: bool) -> None:
        self.spectra = spectra
        self.pictures = pictures
        self.dropped = 0
        self._hub = hub
        self._wake = wake
        self._queue: deque[Event] = deque()
        self._lock = threading.Lock()

    def put(self, event: Event) -> None:
        """Called by the hub."""
        with self._lock:
            if len(self._queue) >= _QUEUE_MAX:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(event)
        self._wake()

    def take(self) -> list[Event]:
        """All events since the last call, in their order."""
        with self._lock:
            events = list(self._queue)
            self._queue.clear()
        return events

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.leave(self)


class Hub:
    """Takes events from any thread, keeps what a newcomer has to know, passes them on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: list[Watcher] = []
        self._inputs: dict[str, Event] = {}
        self._transfers: dict[str, Event] = {}
        self._log: deque[Event] = deque(maxlen=_LOG_KEPT)

    def watch(
        self, wake: Callable[[], None], spectra: bool = False, pictures: bool = False
    ) -> tuple[Watcher, list[Event]]:
        """A new watcher, and the events that bring it up to date.

        wake      see Watcher
        spectra, pictures  whether it wants spectra, and pictures that are still arriving, which
                  cost time: they are made while somebody does
        """
        watcher = Watcher(self, wake, spectra, pictures)
        with self._lock:
            known = [*self._inputs.values(), *self._transfers.values(), *self._log]
            self._watchers.append(watcher)
        return watcher, known

    def leave(self, watcher: Watcher) -> None:
        """The watcher gets no more events."""
        with self._lock:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

    @property
    def watched(self) -> bool:
        """Whether anybody watches at all."""
        return bool(self._watchers)

    @property
    def wants_spectra(self) -> bool:
        """Whether anybody looks at spectra and constellations."""
        return any(watcher.spectra for watcher in self._watchers)

    @property
    def wants_pictures(self) -> bool:
        """Whether anybody looks at pictures that are still arriving."""
        return any(watcher.pictures for watcher in self._watchers)

    def tell(self, kind: str, **fields: Any) -> None:
        """Pass an event on to all watchers."""
        event: Event = {"type": kind, **fields}
        with self._lock:
            self._keep(kind, event)
            watchers = list(self._watchers)
        for watcher in watchers:
            if kind != "spectrum" or watcher.spectra:
                watcher.put(event)

    def _keep(self, kind: str, event: Event) -> None:
        if kind == "input":
            self._inputs.pop(event["input"], None)
            self._inputs[event["input"]] = event
            ended = [name for name, kept in self._inputs.items() if kept["state"] == "ended"]
            for name in ended[:-_KEPT_ENDED]:
                del self._inputs[name]
        elif kind == "transfer":
            self._transfers.pop(event["transfer"], None)
            self._transfers[event["transfer"]] = event
            if len(self._transfers) > _KEPT_TRANSFERS:
                del self._transfers[next(iter(self._transfers))]
        elif kind == "log":
            self._log.append(event)
