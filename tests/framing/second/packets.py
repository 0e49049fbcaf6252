"""Packets, objects and records (README: Packet, Fountain code, Records); source symbols only."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

CRC_TEXT = b"dialtone packet 1"
KEYS, KEYS_WITH_TRAILER = 6, 7  # objects of the short head
FIRST_LONG_BLOCK = 6
HEADER, TRAILER, CHUNK = 1, 2, 3  # record types
OBJECT_LIMIT = 4 << 20


class RefusedError(Exception):
    """A transfer, key or share that the page tells a reader to refuse, and why."""


class Transfer:
    """Packets of one transfer, sorted into objects."""

    def __init__(self, packets: Iterable[bytes]) -> None:
        self.identity = b""
        self._symbols: dict[tuple[bool, int, int], dict[int, bytes]] = {}
        for packet in packets:
            self._add(packet)

    def _add(self, packet: bytes) -> None:
        body, checksum = packet[:-4], packet[-4:]
        if not 64 <= len(packet) <= 4096:
            return
        if zlib.crc32(CRC_TEXT + body) != int.from_bytes(checksum, "big"):
            return
        if not body[4] & 0x80:
            head = int.from_bytes(body[4:8], "big")
            number, k, symbol_id = head >> 28, head >> 16 & 0xFFF, head & 0xFFFF
            symbol, is_block = body[8:], number < KEYS
        else:
            head = int.from_bytes(body[4:10], "big") & (1 << 47) - 1
            number, k, symbol_id = head >> 32, head >> 18 & 0x3FFF, head & 0x3FFFF
            symbol, is_block = body[10:], True
            if number < FIRST_LONG_BLOCK:
                return
        if k == 0 or k * len(symbol) > OBJECT_LIMIT:
            return
        if self.identity not in (b"", body[:4]):
            raise ValueError("packets of two transfers")
        self.identity = body[:4]
        key = (is_block, number, k)
        self._symbols.setdefault(key, {})[0 if k == 1 else symbol_id] = symbol

    def _objects(self, is_block: bool) -> Iterator[tuple[int, bytes]]:
        for (block, number, k), symbols in sorted(self._symbols.items()):
            if block == is_block and all(i in symbols for i in range(k)):
                yield number, b"".join(symbols[i] for i in range(k))

    def blocks(self) -> dict[int, bytes]:
        """Data blocks whose source symbols are all there, by number."""
        return dict(self._objects(True))

    def keys(self) -> dict[int, bytes]:
        """Keys objects, 6 and 7, whose source symbols are all there."""
        return dict(self._objects(False))


def to_packets(
    identity: bytes, number: int, data: bytes, packet_bytes: int, keys: bool = False
) -> list[bytes]:
    """The source symbols of an object as packets: a data block, or with `keys` object 6 or 7."""
    long_head = not keys and number >= FIRST_LONG_BLOCK
    size = packet_bytes - (14 if long_head else 12)
    k = -(-len(data) // size)
    padded = data.ljust(k * size, b"\0")
    packets = []
    for i in range(k):
        if long_head:
            head = (1 << 47 | number << 32 | k << 18 | i).to_bytes(6, "big")
        else:
            head = (number << 28 | k << 16 | i).to_bytes(4, "big")
        body = identity + head + padded[i * size : (i + 1) * size]
        packets.append(body + zlib.crc32(CRC_TEXT + body).to_bytes(4, "big"))
    return packets


def record(kind: int, body: bytes) -> bytes:
    """Prefix and body of a record."""
    return (kind << 20 | len(body)).to_bytes(3, "big") + body


def records(data: bytes) -> list[tuple[int, bytes]]:
    """(type, body) of every record of an object."""
    found, at = [], 0
    while at + 3 <= len(data) and data[at] >> 4:
        prefix = int.from_bytes(data[at : at + 3], "big")
        kind, length = prefix >> 20, prefix & 0xFFFFF
        body = data[at + 3 : at + 3 + length]
        if kind > CHUNK:
            raise RefusedError("a record of a later version")
        if length == 0 or len(body) < length:
            raise RefusedError("a record without its body")
        found.append((kind, body))
        at += 3 + length
    if any(data[at:]):
        raise RefusedError("something after the last record")
    return found


def field(tag: int, value: bytes) -> bytes:
    """One field: tag, length, value."""
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def fields(data: bytes) -> list[tuple[int, bytes]]:
    """(tag, value) of every field, in order."""
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at + 1 : at + 3], "big")
        value = data[at + 3 : at + 3 + length]
        if at + 3 > len(data) or len(value) < length:
            raise RefusedError("a field that is cut off")
        found.append((data[at], value))
        at += 3 + length
    return found


def known_fields(found: Sequence[tuple[int, bytes]], known: Iterable[int]) -> dict[int, bytes]:
    """Last value of each known tag; unknown ones below 128 are passed over."""
    known = set(known)
    if any(tag >= 128 and tag not in known for tag, _ in found):
        raise RefusedError("a field of a later version")
    return {tag: value for tag, value in found if tag in known}


def number(value: int) -> bytes:
    """An integer without leading zero bytes."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def read_number(value: bytes, limit: int | None = None) -> int:
    """Value of an integer without leading zero bytes, of at most `limit` bytes."""
    if value[:1] == b"\0" or (limit is not None and len(value) > limit):
        raise RefusedError("an integer with leading zeros or too long")
    return int.from_bytes(value, "big")
