"""Where superframes are: the one that is looked into, and the last one that was read."""

from __future__ import annotations

from dataclasses import dataclass

from modem.demodulator import Sync
from modem.header import BurstHeader
from modem.profile import Profile
from modem.superframe import Layout


@dataclass(slots=True)
class Candidate:
    """A superframe that may start here. Positions are absolute input samples."""

    start: float
    channel: int
    profile: Profile
    metric: float
    sync: Sync | None = None
    plan: Layout | None = None


@dataclass(slots=True)
class Previous:
    """The last superframe that was read: where the next starts if nothing slips.

    bridged   superframes in a row without a header and without a packet
    first     start of the transmission
    all_lost  no packet of it was restored
    """

    profile: Profile
    channel: int
    end: float
    header: BurstHeader
    sync: Sync
    coherence: float
    bridged: int
    first: float
    all_lost: bool
