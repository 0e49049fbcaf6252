"""Sound on standard input: a WAV stream, known by its header, or raw 16-bit samples.

A WAV from a pipe cannot be read by libsndfile, which wants to seek; of its header only the
format is needed.
"""

import io
import struct
import sys
from typing import IO, TYPE_CHECKING

from dialtone.audio import AudioSource, open_audio, raw_chunks
from dialtone.errors import Failure

if TYPE_CHECKING:
    from typing_extensions import Buffer

_EXTENSIBLE = 0xFFFE
_KINDS = {(1, 16): ("<i2", 32768.0), (3, 32): ("<f4", 1.0)}  # (format, bits): type, full scale
_LARGEST_HEADER_CHUNK = 1 << 20


class _Rejoined(io.RawIOBase):
    """A stream with the bytes that were read from it put back in front."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head = head
        self._read = getattr(stream, "read1", stream.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        data = self._head[: len(view)] if self._head else self._read(len(view))
        self._head = self._head[len(data) :]
        view[: len(data)] = data
        return len(data)


def open_stdin(
    raw_rate: int, raw_channels: int = 1, stream: IO[bytes] | None = None
) -> tuple[AudioSource, bool]:
    """The sound on stdin, and whether a WAV header told its rate.

    raw_rate, raw_channels  of raw samples, where there is no header [Hz]
    Raises Failure for a WAV stream of other samples than 16-bit or float ones.
    """
    stream = sys.stdin.buffer if stream is None else stream
    head = stream.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _open_wav(stream), True
    rejoined = io.BufferedReader(_Rejoined(head, stream))
    return open_audio("-", raw_rate, rejoined, raw_channels), False


def _open_wav(stream: IO[bytes]) -> AudioSource:
    """Read up to the samples. The lengths in the header of a live stream are made up: the
    samples end where the stream does."""
    kind = channels = rate = bits = 0
    while True:
        name, length = struct.unpack("<4sI", _exactly(stream, 8))
        if name == b"data":
            break
        if length > _LARGEST_HEADER_CHUNK:
            raise Failure("the WAV stream on stdin has a damaged header", "send raw samples")
        chunk = _exactly(stream, length + length % 2)
        if name == b"fmt " and length >= 16:
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
            if kind == _EXTENSIBLE and length >= 26:
                (kind,) = struct.unpack("<H", chunk[24:26])
    if (kind, bits) not in _KINDS or not channels:
        raise Failure(
            f"the WAV stream on stdin has {bits}-bit samples of kind {kind}",
            "pipes carry 16-bit or 32-bit float samples; or give the file's name",
        )
    dtype, full_scale = _KINDS[kind, bits]
    return AudioSource(
        lambda _: raw_chunks(stream, channels, dtype, full_scale),
        lambda: None,
        rate,
        channels,
        None,
    )


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise Failure("the WAV stream on stdin ends within its header")
    return data
