"""Packets: the fixed-size units that the modem carries.

A packet is `id (4) | head (4 or 6) | symbol | CRC-32 (4)`, big-endian. The head says which
object of the transfer the symbol belongs to, how many source symbols that object has, and
which symbol this is. The short head covers everything in transfers of up to six data blocks;
two bytes in each of a few hundred packets are worth the second form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

PACKET_BYTES_MIN = 64
PACKET_BYTES_MAX = 4096
SIZES = range(PACKET_BYTES_MIN, PACKET_BYTES_MAX + 1)

OBJECT_BYTES_MAX = 4 << 20  # a receiver holds one object in memory; senders stay at a quarter

# Start value of the CRC: packets of another layout fail the check instead of being misread.
_CRC_SEED = crc32(b"dialtone packet 1")

_CRC_BYTES = 4
ID_BYTES = 4
_SHORT = 4
_LONG = 6

SHORT_BLOCKS = 6  # data blocks 0..5 fit the short head
HEADER = -1  # object numbers below zero: the key header alone,
TRAILER = -2  # and the key trailer, which repeats the header
_SHORT_CODE = {HEADER: 6, TRAILER: 7}
_SHORT_OBJECT = (0, 1, 2, 3, 4, 5, HEADER, TRAILER)

BLOCKS_MAX = 1 << 15


@dataclass(frozen=True, slots=True)
class Form:
    """Field widths [bits] of one kind of head: 1 + object + k + symbol id bits in all."""

    head_bytes: int
    k_bits: int
    esi_bits: int

    @property
    def k_max(self) -> int:
        return (1 << self.k_bits) - 1

    @property
    def esi_count(self) -> int:
        return 1 << self.esi_bits


SHORT = Form(_SHORT, 12, 16)
LONG = Form(_LONG, 14, 18)


def form_of(number: int) -> Form:
    """The head's form for an object (data block number, HEADER or TRAILER)."""
    return SHORT if number < SHORT_BLOCKS else LONG


def symbol_bytes(number: int, packet_bytes: int) -> int:
    """Payload of one packet of this object: the fountain code's symbol size [bytes]."""
    return packet_bytes - ID_BYTES - _CRC_BYTES - form_of(number).head_bytes


def is_object(number: int, k: int) -> bool:
    """Whether a head can name an object of this number and so many source symbols."""
    return number in range(TRAILER, BLOCKS_MAX) and 1 <= k <= form_of(number).k_max


class Packet(NamedTuple):
    """One parsed packet.

    transfer  4 bytes
    number    data block number >= 0, HEADER or TRAILER
    k         source symbols of the object, >= 1
    esi       encoding symbol id: < k source, >= k repair
    symbol    the payload
    """

    transfer: bytes
    number: int
    k: int
    esi: int
    symbol: bytes


def build(transfer: bytes, number: int, k: int, esi: int, symbol: bytes) -> bytes:
    """One packet. The fields must be in the ranges of `form_of(number)`."""
    form = form_of(number)
    if not 1 <= k <= form.k_max or not 0 <= esi < form.esi_count:
        raise ValueError(f"k {k} or symbol id {esi} out of range for object {number}")
    if form is SHORT:
        code = _SHORT_CODE.get(number, number)
        head = code << 28 | k << 16 | esi
    else:
        head = 1 << 47 | number << 32 | k << 18 | esi
    body = transfer + head.to_bytes(form.head_bytes, "big") + symbol
    return body + crc32(body, _CRC_SEED).to_bytes(_CRC_BYTES, "big")


def parse(data: bytes) -> Packet | None:
    """The packet in `data`, or None where it is foreign or damaged."""
    if len(data) not in SIZES:
        return None
    body = memoryview(data)[:-_CRC_BYTES]
    if crc32(body, _CRC_SEED) != int.from_bytes(data[-_CRC_BYTES:], "big"):
        return None
    transfer = bytes(data[:ID_BYTES])
    if data[ID_BYTES] & 0x80:
        head = int.from_bytes(data[ID_BYTES : ID_BYTES + _LONG], "big")
        number, k, esi = head >> 32 & 0x7FFF, head >> 18 & 0x3FFF, head & 0x3FFFF
        symbol = bytes(body[ID_BYTES + _LONG :])
        if number < SHORT_BLOCKS:
            return None
    else:
        head = int.from_bytes(data[ID_BYTES : ID_BYTES + _SHORT], "big")
        number, k, esi = _SHORT_OBJECT[head >> 28], head >> 16 & 0xFFF, head & 0xFFFF
        symbol = bytes(body[ID_BYTES + _SHORT :])
    if not 0 < k * len(symbol) <= OBJECT_BYTES_MAX:
        return None
    return Packet(transfer, number, k, esi, symbol)
