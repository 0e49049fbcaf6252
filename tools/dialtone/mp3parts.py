"""The stretches of an MP3 file that can be decoded on their own.

mpg123 stops for good at damaged bytes and believes the length in the first information frame, so
the rest of a damaged file, and all but the first of several joined ones, would be lost.
"""

import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SYNC = 0x7FF
_LAYER_3 = 1
_MPEG1, _MPEG2, _MPEG25 = 3, 2, 0
# ISO/IEC 11172-3 table of layer III bit rates, and that of 13818-3; index 0 is free format.
_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44100, 48000, 32000)
_RATE_DIVISOR = {_MPEG1: 1, _MPEG2: 2, _MPEG25: 4}
_RUN = 4  # frames in a row before a stretch is believed
_INFORMATION_BYTES = 44  # header, side information and tag of the frame that states the length
_BLOCK = 1 << 16


class Frame(NamedTuple):
    """One frame header: its length in bytes, and what does not change within a stretch."""

    length: int
    kind: tuple[int, int, bool]  # MPEG version, sample rate, mono
    information: bool  # the silent frame in which an encoder states the length (Xing, Info)


class Part(NamedTuple):
    """Bytes start..stop of a file: unbroken frames of one kind."""

    start: int
    stop: int
    kind: tuple[int, int, bool]


def find_parts(path: Path) -> list[Part]:
    """The stretches of unbroken layer III frames; a new one begins at an information frame.

    Empty when there is no run of frames at all. Raises OSError.
    """
    found: list[Part] = []
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = _next_run(file, 0)
        while start is not None:
            frame = _frame_at(file, start)
            kind = frame.kind if frame else (0, 0, False)
            stop = start
            while frame is not None and frame.kind == kind and stop + frame.length <= size:
                if frame.information and stop > start:
                    break
                stop += frame.length
                frame = _frame_at(file, stop)
            found.append(Part(start, stop, kind))
            start = _next_run(file, max(stop, start + 1))
    return found


def _frame_at(file: IO[bytes], at: int) -> Frame | None:
    """The layer III frame whose header stands at `at`, or None."""
    file.seek(at)
    head = file.read(_INFORMATION_BYTES)
    if len(head) < 4:
        return None
    word = int.from_bytes(head[:4], "big")
    version, layer, rate = word >> 19 & 3, word >> 17 & 3, word >> 10 & 3
    index = word >> 12 & 15
    if word >> 21 != _SYNC or version == 1 or layer != _LAYER_3 or rate == 3 or index in (0, 15):
        return None
    hertz = _RATES[rate] // _RATE_DIVISOR[version]
    kbps = (_KBPS_1 if version == _MPEG1 else _KBPS_2)[index]
    length = (144 if version == _MPEG1 else 72) * kbps * 1000 // hertz + (word >> 9 & 1)
    information = b"Xing" in head or b"Info" in head
    return Frame(length, (version, hertz, word >> 6 & 3 == 3), information)


def _next_run(file: IO[bytes], at: int) -> int | None:
    """Where, from `at` on, a few frames of one kind follow each other."""
    while True:
        file.seek(at)
        block = file.read(_BLOCK)
        if not block:
            return None
        offset = block.find(b"\xff")
        while offset >= 0:
            if _runs(file, at + offset):
                return at + offset
            offset = block.find(b"\xff", offset + 1)
        at += len(block)


def _runs(file: IO[bytes], at: int) -> bool:
    first = frame = _frame_at(file, at)
    for _ in range(_RUN - 1):
        if frame is None or first is None or frame.kind != first.kind:
            return False
        at += frame.length
        frame = _frame_at(file, at)
    return frame is not None


class Slice(io.RawIOBase):
    """Bytes start..stop of a file as a file of its own, to be read."""

    def __init__(self, path: Path, part: Part) -> None:
        self._file = path.open("rb")
        self._start = part.start
        self._size = part.stop - part.start
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        self._file.seek(self._start + self._position)
        count = self._file.readinto(view[: max(0, self._size - self._position)])
        self._position += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
