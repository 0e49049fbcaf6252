"""AVIF and WebP files of which the end is missing: made decodable by ends of any bits.

A decoder that reads beyond the end of its data gives up, and bits by chance say as a rule more
than the true ones. So where a file is ended, the part that is cut gets more room than it had:
in WebP the chunk, in AVIF the item in the file and the frame in the item.
"""

from __future__ import annotations

from collections.abc import Iterator

_ROOM = 1 << 15  # bytes; and as many again as are missing
_ENDS = (b"\0", b"\xff", b"\x55", b"\xaa")  # the latter two where one of the first is no picture
_FRAME_OBUS = (4, 6)  # tile group, frame (AV1 specification, section 6.2.2)


def kind_of(data: bytes) -> str | None:
    """Pillow's name of the format of a file that begins so: "AVIF", "WEBP"."""
    if data[4:12] == b"ftypavif":
        return "AVIF"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def size_of(data: bytes) -> int | None:
    """What the file says of its own length: the RIFF chunk, or the boxes of ISO/IEC 14496-12."""
    if data[:4] == b"RIFF":
        return 8 + _little(data, 4)
    *_, last = [(0, 0), *_boxes(data, 0, len(data))]
    return last[1] or None


def ended(data: bytes, size: int, kind: str) -> Iterator[bytes]:
    """The file with different ends.

    data  the beginning of a file of that kind and of `size` bytes
    """
    missing = size - len(data)
    room = _ROOM + missing + missing % 2  # even: a RIFF chunk of odd length has a byte more
    start = _webp_with_room(data, room) if kind == "WEBP" else _avif_with_room(data, room)
    for end in _ENDS:
        yield start + end * (missing + room)


def _webp_with_room(data: bytes, room: int) -> bytes:
    """The chunk that is cut gets longer, and the file with it."""
    at = 12
    while at + 8 <= len(data):
        length = _little(data, at + 4)
        if at + 8 + length > len(data):
            out = bytearray(data)
            for place in (4, at + 4):
                value = min(_little(data, place) + room, 0xFFFFFFFE)
                out[place : place + 4] = value.to_bytes(4, "little")
            return bytes(out)
        at += 8 + length + length % 2
    return data


def _avif_with_room(data: bytes, room: int) -> bytes:
    """The item that ends the file gets longer, and its frame goes on to the end of the item.

    As it is where the file is made otherwise than libavif makes it.
    """
    found = _last_item(data)
    if found is None:
        return data
    place, offset, length = found
    for at, before, after in _obus(data, offset):
        if data[at] >> 3 & 15 in _FRAME_OBUS:
            # Without the size field, an OBU goes on to the end (section 5.3.2).
            out = bytearray(data[:before] + data[after:])
            out[at] &= 0xFD
            longer = length + room - (after - before)
            out[place : place + 4] = min(longer, 0xFFFFFFFF).to_bytes(4, "big")
            for box, end in _boxes(data, 0, len(data)):
                if box < offset < end:
                    grown = min(end - box + room - (after - before), 0xFFFFFFFF)
                    out[box : box + 4] = grown.to_bytes(4, "big")
            return bytes(out)
    return data


def _last_item(data: bytes) -> tuple[int, int, int] | None:
    """(place of the extent's length in the file, offset and length of the extent)."""
    for name, body, end in _inside(data, 0, len(data)):
        if name == b"meta":
            for inner, at, stop in _inside(data, body + 4, end):
                # version 0, offsets and lengths of 4 bytes, no base offset, one extent each
                if inner == b"iloc" and data[at : at + 6] == b"\0\0\0\0\x44\0":
                    places = range(at + 8, stop - 13, 14)
                    items = [(_big(data, each + 6), _big(data, each + 10), each) for each in places]
                    if items and all(data[each + 4 : each + 6] == b"\0\1" for each in places):
                        offset, length, each = max(items)
                        return each + 10, offset, length
    return None


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """(beginning, end) of each box; the last may end beyond the data."""
    while at + 8 <= end:
        length = _big(data, at)
        if length < 8:  # up to the end of the file, or a length of 64 bits: libavif writes neither
            return
        yield at, at + length
        at += length


def _inside(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, beginning and end of the body) of each box that is whole."""
    for start, stop in _boxes(data, at, end):
        if stop <= end:
            yield data[start + 4 : start + 8], start + 8, stop


def _obus(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """(place of the header, beginning and end of the size field) of each OBU with a size."""
    while at < len(data) and data[at] & 2:
        before = after = at + 1 + (data[at] >> 2 & 1)
        size = shift = 0
        while after < len(data) and after - before < 8:  # leb128 (section 4.10.5)
            byte = data[after]
            size |= (byte & 127) << shift
            shift += 7
            after += 1
            if byte < 128:
                break
        else:
            return
        yield at, before, after
        at = after + size


def _big(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _little(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
