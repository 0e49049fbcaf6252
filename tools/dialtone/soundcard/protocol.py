"""What the program and its sound process say to each other over two pipes.

A message is one letter, the length of what follows as four bytes, little-endian, and that.

    from the sound process
    DEVICES  JSON: {"devices": [row, ...]}, first of all; a row has the fields of `devices.Device`
    OPENED   JSON: {"rate", "channels", "latency_s"}
    SOUND    COUNTED, then interleaved float32 samples that were heard
    PLAYED   PLAYED_FIELDS, every PERIOD_S
    DRAINED  the last sample has been heard
    FAILED   JSON: {"error", "hint"}; the last message

    to the sound process
    RATES    which usual rates do the devices take? answered by DEVICES once more
    OPEN     JSON: {"playing", "number", "rates", "channels"}; the first of the rates that works
    SOUND    interleaved float32 samples to be played
    DRAIN    there is no more to play

This module and the sound process import nothing heavy.
"""

import json
import struct
from collections.abc import Iterator
from typing import Any

DEVICES, OPENED, SOUND, PLAYED, DRAINED, FAILED = b"d", b"o", b"s", b"p", b"e", b"f"
RATES, OPEN, DRAIN = b"r", b"O", b"D"

COUNTED = struct.Struct("<I")  # overruns so far
# Callbacks so far, frames taken by the device, frames heard, underruns so far.
PLAYED_FIELDS = struct.Struct("<QQQI")
PERIOD_S = 0.05  # between two messages
SAMPLE_BYTES = 4

_HEAD = struct.Struct("<cI")
_LONGEST = 1 << 24  # what is longer is no message


def message(kind: bytes, content: bytes = b"") -> bytes:
    """The bytes of a message."""
    return _HEAD.pack(kind, len(content)) + content


def note(kind: bytes, **fields: object) -> bytes:
    """The bytes of a message of JSON."""
    return message(kind, json.dumps(fields).encode())


def fields(content: bytes) -> dict[str, Any]:
    """What a message of JSON says."""
    said: dict[str, Any] = json.loads(content)
    return said


class Messages:
    """Stage: bytes of a pipe in, however they were cut, whole messages (kind, content) out."""

    def __init__(self) -> None:
        self._held = bytearray()

    def process(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Raises ValueError where the bytes are no messages."""
        self._held += chunk
        while len(self._held) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._held)
            if length > _LONGEST:
                raise ValueError(f"a message of {length} bytes")
            end = _HEAD.size + length
            if len(self._held) < end:
                return
            content = bytes(self._held[_HEAD.size : end])
            del self._held[:end]
            yield kind, content
