"""Finds the fastest speed that arrives exact, without trying every speed of a long ladder."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from modem import Speed

# Speeds that need so much more than was measured are not begun with [dB]. A transfer may make
# good for lost blocks, so that a speed can work a little below its need.
HOPE_DB = 1.5
_FAILURES_IN_A_ROW = 2  # above the best one, before the rest of the ladder is given up


class Trial(Protocol):
    """What came of one speed. snr_db: as the receiver measured it, None where it heard nothing."""

    @property
    def speed(self) -> "Speed": ...
    @property
    def exact(self) -> bool: ...
    @property
    def snr_db(self) -> float | None: ...


TrialT = TypeVar("TrialT", bound=Trial)


def fastest_exact(
    speeds: Sequence["Speed"], first: TrialT, attempt: Callable[["Speed"], TrialT]
) -> TrialT | None:
    """The trial of the highest net rate that arrived exact; None where none did.

    The SNR that trials measured over a band says which speeds of the same band and prefix need no
    trial.
    It only chooses where to begin: above the best one that it leads to, further speeds are tried
    until two in a row fail.

    first    a trial that was made already
    attempt  makes one; called at most once for each speed
    """
    done = {first.speed.number: first}
    heard_db: dict[tuple[float, int], float] = {}

    def trial(speed: "Speed") -> TrialT:
        if speed.number not in done:
            done[speed.number] = attempt(speed)
        made = done[speed.number]
        if made.snr_db is not None:
            band = (speed.top_hz, speed.prefix)
            heard_db[band] = max(heard_db.get(band, made.snr_db), made.snr_db)
        return made

    falling = sorted(speeds, key=lambda speed: -speed.net_bps)
    trial(first.speed)
    # Every speed has the same header: where even the slowest is not heard, none is.
    if not heard_db and trial(falling[-1]).snr_db is None:
        return None
    for place, speed in enumerate(falling):
        heard = heard_db.get((speed.top_hz, speed.prefix))
        if heard is not None and speed.snr_db > heard + HOPE_DB:
            continue
        if (made := trial(speed)).exact:
            return _fastest_above(falling[:place], made, trial)
    return None


def _fastest_above(
    falling: Sequence["Speed"], best: TrialT, trial: Callable[["Speed"], TrialT]
) -> TrialT:
    """The best one, or a faster one that arrives all the same."""
    failures = 0
    for speed in reversed(falling):
        made = trial(speed)
        if made.exact:
            best, failures = made, 0
        else:
            failures += 1
        if failures == _FAILURES_IN_A_ROW:
            break
    return best
