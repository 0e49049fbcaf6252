"""The few inputs that reach as much as all of them."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import framing
import imaging
from fuzzing import Target
from fuzzing.targets import TARGETS

_BYTES_MAX = 20_000  # of one target
_WATCHED = (str(Path(framing.__file__).parent), str(Path(imaging.__file__).parent))

Step = tuple[str, int, int]


def reached(target: Target, data: bytes) -> set[Step]:
    """(file, line, next line) of the layers below the program that an input runs through."""
    steps: set[Step] = set()

    def watch(frame: FrameType, event: str, _: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(_WATCHED):
            return None
        last = frame.f_lineno

        def line(frame: FrameType, event: str, _: object) -> Any:
            nonlocal last
            steps.add((name, last, frame.f_lineno))
            last = frame.f_lineno
            return line

        return line

    with tempfile.TemporaryDirectory() as folder:
        sys.settrace(watch)
        try:
            target(data, Path(folder))
        finally:
            sys.settrace(None)
    return steps


def distil(name: str, sources: Iterable[Path], to: Path) -> None:
    """Keep the shortest inputs that reach something new; those that are there already stay."""
    target, _ = TARGETS[name]
    to.mkdir(parents=True, exist_ok=True)
    found = {path.read_bytes() for source in sources for path in source.glob("*")}
    there = {path.read_bytes() for path in to.glob("*")}
    steps: set[Step] = set()
    size = sum(map(len, there))
    for data in there:
        steps |= reached(target, data)
    for data in sorted(found - there, key=lambda data: (len(data), data)):
        new = reached(target, data) - steps
        if new and size + len(data) <= _BYTES_MAX:
            steps |= new
            size += len(data)
            (to / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
