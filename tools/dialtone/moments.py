"""Points in time: as people write them and as they read them, always UTC."""

import re
from datetime import UTC, datetime

from dialtone.errors import Failure

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"(\d{1,9})([smhdw])")
_HINT = "give a time from now, as 90s, 15m, 12h, 2d or 1w, or a date as 2030-01-31T18:00 (UTC)"


def expiry(text: str, now: float) -> int:
    """The moment that --expires names [s since 1970]; `now` likewise. Raises Failure.

    A date or time without a zone is UTC.
    """
    if span := _SPAN.fullmatch(text.strip().lower()):
        seconds = int(now) + int(span[1]) * _UNITS[span[2]]
    else:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise Failure(f"--expires {text}: this is no time", _HINT) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = int(moment.timestamp())
    if seconds <= now:
        raise Failure(f"--expires {text}: that is over already", _HINT)
    try:
        utc(seconds)
    except (ValueError, OverflowError, OSError):
        raise Failure(f"--expires {text}: that is too far away", _HINT) from None
    return seconds


def utc(seconds: int) -> str:
    """2026-11-21 10:31 UTC. Raises ValueError, OverflowError or OSError beyond the year 9999."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def told(seconds: int) -> str:
    """The same of a time that somebody else wrote down, whatever it is."""
    try:
        return utc(seconds)
    except (ValueError, OverflowError, OSError):
        return f"a time no calendar has ({seconds} s)"
