"""From packets to arrivals: the one thread that the inbox belongs to.

While the disk takes nothing, packets wait in memory, each transfer's by itself: what keeps one of
them from being stored does not hold up the others.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import framing
from dialtone import moments
from dialtone.errors import sentence
from dialtone.listening.arrivals import Arrival, Arrivals, Source, arrival
from dialtone.listening.journal import ERROR, INFO, WARNING, Journal
from dialtone.listening.packets import Caught, Packets
from dialtone.opening import Opening
from dialtone.output import count, duration, size
from dialtone.reception import shown
from framing.errors import StorageError
from framing.latest import Latest
from framing.packet import parse

_TAKE_S = 0.25
_RETRY_S = 1.0  # between two attempts to store what waits
_TOLD_S = 0.25  # between two events about one transfer
_PICTURE_S = 1.0  # between two looks at what there is of a picture
_TIDY_S = 60.0
_UNFINISHED_MAX = 1000  # transfers at a time: each takes memory, and strangers can begin any number
_KNOWN_MAX = 4096


@dataclass(slots=True)
class _Watched:
    """What was told of a transfer, and when [s]."""

    told_s: float = 0.0
    looked_s: float = 0.0
    have: int = 0
    picture: int = 0
    partial: "framing.Partial | None" = None
    drawn: tuple[int, bytes | None] = field(default=(0, None))
