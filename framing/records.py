"""Records: what objects are made of. Three bytes (type 4 bits, length 20 bits), then the body.

Also the tag-length-value fields inside the key header and the key trailer. Zero padding after
the last record reads as the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from framing.errors import MalformedError

END = 0
HEADER = 1
TRAILER = 2
CHUNK = 3

PREFIX_BYTES = 3
BODY_MAX = (1 << 20) - 1
_COUNT_MAX = 1 << 16  # of an object: a block of ours holds at most 43690, each of 24 bytes


def build(kind: int, body: bytes) -> bytes:
    if not 0 < len(body) <= BODY_MAX:
        raise ValueError(f"a record holds 1..{BODY_MAX} bytes, got {len(body)}")
    return (kind << 20 | len(body)).to_bytes(PREFIX_BYTES, "big") + body


def parse(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each record. Raises MalformedError where they do not fill the object."""
    at = count = 0
    while at + PREFIX_BYTES <= len(data):
        prefix = int.from_bytes(data[at : at + PREFIX_BYTES], "big")
        kind, length = prefix >> 20, prefix & BODY_MAX
        if kind == END:
            break
        body = data[at + PREFIX_BYTES : at + PREFIX_BYTES + length]
        count += 1
        if length == 0 or len(body) < length or count > _COUNT_MAX:
            raise MalformedError
        yield kind, body
        at += PREFIX_BYTES + length
    if any(data[at:]):
        raise MalformedError


def started(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(type, length, body) of each record of an object of which the beginning is known.

    The last body may be shorter than its length. Never raises: it ends where nothing follows.
    """
    at = 0
    while at + PREFIX_BYTES <= len(data):
        prefix = int.from_bytes(data[at : at + PREFIX_BYTES], "big")
        kind, length = prefix >> 20, prefix & BODY_MAX
        if kind == END or length == 0:
            break
        yield kind, length, data[at + PREFIX_BYTES : at + PREFIX_BYTES + length]
        at += PREFIX_BYTES + length


def keys_of(data: bytes, number: int) -> dict[int, bytes]:
    """Header and trailer of an object, by their type.

    number  of the data block; negative for a keys object
    Raises MalformedError where they are not where they have to be: the header first in block 0 and
    in a keys object, the trailer last in any, chunks in data blocks only.
    """
    found = list(parse(data))
    kinds = [kind for kind, _ in found]
    if (number <= 0 and kinds[:1] != [HEADER]) or (number > 0 and HEADER in kinds):
        raise MalformedError
    if HEADER in kinds[1:] or TRAILER in kinds[:-1] or (number < 0 and CHUNK in kinds):
        raise MalformedError
    return {kind: body for kind, body in found if kind in (HEADER, TRAILER)}


def first(data: bytes) -> tuple[int, bytes] | None:
    """The first record of an object of which only the beginning is known; None if incomplete."""
    prefix = int.from_bytes(data[:PREFIX_BYTES], "big")
    length = prefix & BODY_MAX
    if len(data) < PREFIX_BYTES + length or prefix >> 20 == END:
        return None
    return prefix >> 20, data[PREFIX_BYTES : PREFIX_BYTES + length]


def field(tag: int, value: bytes) -> bytes:
    """One field: tag (1), length (2), value."""
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, value) of each field. Raises MalformedError where they do not fill `data` exactly."""
    at, end = 0, len(data)
    while at < end:
        if at + 3 > end:
            raise MalformedError
        after = at + 3 + (data[at + 1] << 8 | data[at + 2])
        if after > end:
            raise MalformedError
        yield data[at], data[at + 3 : after]
        at = after


def uint(value: int) -> bytes:
    """An unsigned integer in as few bytes as it needs; zero has none."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
