"""What the hub's events add up to: the state that the text view draws."""

from collections import deque
from dataclasses import dataclass, field

from dialtone.listening.glyphs import known
from dialtone.listening.hub import Event

_PEAK_HELD_S = 1.5  # a peak stays to be read
_CLIPPING_HELD_S = 5.0
_INPUTS_MAX = 32
_MOVING_MAX = 100
_ARRIVALS_MAX = 100
_LOG_MAX = 200
_STALLED_S = 20.0  # without a packet: it gives way to others
_OVER = ("complete", "refused", "done", "failed", "ended")


class Held:
    """The greatest value of the last seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since = 0.0
        self.value: float | None = None

    def add(self, value: object, now: float) -> None:
        """Take a new value at the time `now` [s]."""
        number = known(value)
        stale = now - self._since > self._seconds
        if number is not None and (self.value is None or stale or number >= self.value):
            self.value, self._since = number, now


@dataclass
class InputState:
    """One input: its last event of each kind.

    peak, clipped  the greatest of the last seconds [dBFS, share]
    heard_at       when the last superframe came [s of the board's clock]
    """

    name: str
    about: Event = field(default_factory=dict)
    level: Event = field(default_factory=dict)
    spectrum: Event = field(default_factory=dict)
    signal: Event = field(default_factory=dict)
    heard_at: float | None = None
    peak: Held = field(default_factory=lambda: Held(_PEAK_HELD_S))
    clipped: Held = field(default_factory=lambda: Held(_CLIPPING_HELD_S))

    @property
    def state(self) -> str:
        """ "lost", "ended", or what an open input waits for."""
        state = str(self.about.get("state", "open"))
        return state if state != "open" else str(self.level.get("waits_for") or "open")

    @property
    def over(self) -> bool:
        return self.state in _OVER


@dataclass(frozen=True, slots=True)
class Moving:
    """A transfer or a sending: its last event, and when that came [s of the board's clock]."""

    event: Event
    changed_at: float

    def over(self, now: float) -> bool:
        """Whether nothing more will come of it, or nothing has for long."""
        state = str(self.event.get("state") or self.event.get("stage"))
        return state in _OVER or now - self.changed_at > _STALLED_S


class Board:
    """Takes events; holds what is to be seen."""

    def __init__(self) -> None:
        self.inputs: dict[str, InputState] = {}
        self.moving: dict[str, Moving] = {}  # what changed last comes last
        self.arrivals: deque[Event] = deque(maxlen=_ARRIVALS_MAX)  # newest last
        self.log: deque[Event] = deque(maxlen=_LOG_MAX)
        self.received = 0

    def take(self, event: Event, now: float) -> None:
        """Take an event at the time `now` [s of any steady clock]."""
        match event.get("type"):
            case "input":
                self._input(event).about = event
            case "level":
                shown = self._input(event)
                shown.level = event
                shown.peak.add(event.get("peak_dbfs"), now)
                shown.clipped.add(event.get("clipped"), now)
            case "spectrum":
                self._input(event).spectrum = event
            case "superframe":
                shown = self._input(event)
                shown.signal, shown.heard_at = event, now
            case "transfer":
                self._move(f"transfer {event.get('transfer')}", Moving(event, now))
            case "sending":
                self._move(f"sending {event.get('id')}", Moving(event, now))
            case "received":
                self.arrivals.append(event)
                self.received += 1
            case "log":
                self.log.append(event)

    def _input(self, event: Event) -> InputState:
        name = str(event.get("input"))
        if name not in self.inputs:
            if len(self.inputs) >= _INPUTS_MAX:
                ended = (key for key, shown in self.inputs.items() if shown.over)
                del self.inputs[next(ended, next(iter(self.inputs)))]
            self.inputs[name] = InputState(name)
        return self.inputs[name]

    def _move(self, key: str, moving: Moving) -> None:
        self.moving.pop(key, None)
        self.moving[key] = moving
        if len(self.moving) > _MOVING_MAX:
            del self.moving[next(iter(self.moving))]


class Slots:
    """Which of many things are shown in few rows: what has a row keeps it while it goes on."""

    def __init__(self) -> None:
        self._keys: list[str | None] = []

    def assign(self, over: dict[str, bool], rows: int) -> list[str | None]:
        """The key of each row, None for an empty one.

        over  by key whether a thing has ended and makes room for others; what changed longest
              ago comes first
        """
        worth = {key: (2 - ended, place) for place, (key, ended) in enumerate(over.items())}
        empty = (0, -1)
        kept = [key if key in over else None for key in self._keys]
        while len(kept) > rows:
            least = min(range(len(kept)), key=lambda row: worth.get(kept[row] or "", empty))
            del kept[least]
        kept += [None] * (rows - len(kept))
        free = [row for row, key in enumerate(kept) if key is None or over[key]]
        rivals = [key for key in (kept[row] for row in free) if key is not None]
        waiting = [key for key in over if key not in kept]
        best = sorted(rivals + waiting, key=worth.__getitem__)[-len(free) :] if free else []
        gone = [row for row in free if kept[row] not in best]
        for row, key in zip(gone, (key for key in waiting if key in best), strict=False):
            kept[row] = key
        kept = [None if row in gone and key not in best else key for row, key in enumerate(kept)]
        self._keys = kept
        return list(kept)
