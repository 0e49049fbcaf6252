"""Audio files, standard input and output: streams of samples in and out of the program.

Sources yield chunks of bounded size and sinks take them, so the length of a recording never
shows in memory. Files appear under their name only when they are complete.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from dialtone.audiowriters import AudioError, FileWriter, RawWriter, reason
from dialtone.mp3parts import Part, Slice, find_parts
from modem.channel.codecs import MP3_KBPS, mp3_compression_level

if TYPE_CHECKING:
    from soundfile import LibsndfileError, SoundFile

__all__ = ["AudioError", "AudioSink", "AudioSource", "open_audio", "write_audio"]

CHUNK_FRAMES = 1 << 15
DEFAULT_MP3_KBPS = 128
_MISSING_S = 0.1  # an MP3 without an information frame states its length no better
WRITABLE = {".wav": "WAV", ".flac": "FLAC", ".mp3": "MP3"}
# libsndfile's words for a file that it knows nothing about; the second is for names in .mp3.
_NOT_AUDIO = ("Format not recognised", "File does not exist")


class AudioSource:
    """Audio being read: iterate it for float32 chunks (n, channels), full scale 1.

    sample_rate  [Hz]
    channels     of every chunk
    frames       as the file's header states, for progress bars; None when it is not known
    damage       None, or after reading a sentence on why the file ended early
    Chunks are finite numbers and hold at most CHUNK_FRAMES frames. Use as a context manager.
    """

    def __init__(
        self,
        chunks: Callable[["AudioSource"], Iterator[NDArray[np.float32]]],
        close: Callable[[], None],
        sample_rate: int,
        channels: int,
        frames: int | None,
    ) -> None:
        self.sample_rate = sample_rate
        self.channels = channels
        self.frames = frames
        self.damage: str | None = None
        self._chunks = chunks
        self._close = close

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for chunk in self._chunks(self):
            if not np.isfinite(chunk).all():  # float WAV files may hold anything
                chunk = np.nan_to_num(chunk, nan=0.0, posinf=1.0, neginf=-1.0)
            yield chunk

    def close(self) -> None:
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_audio(
    path: str | os.PathLike[str],
    raw_rate: int | None = None,
    stdin: IO[bytes] | None = None,
    raw_channels: int = 1,
) -> AudioSource:
    """Open an audio file, or `-` for raw samples on standard input.

    path          WAV, FLAC, MP3, OGG, AIFF, ...: the content decides, not the name
    raw_rate      sample rate [Hz] of `-`, which carries signed 16-bit little-endian samples
    raw_channels  of `-`, interleaved
    Raises AudioError for what is missing, unreadable, empty or not audio.
    """
    if str(path) == "-":
        if raw_rate is None or raw_rate < 1:
            raise AudioError("raw samples on standard input need a sample rate")
        stream = sys.stdin.buffer if stdin is None else stdin
        return AudioSource(
            lambda _: raw_chunks(stream, raw_channels), lambda: None, raw_rate, raw_channels, None
        )
    place = Path(path)
    file = _open_file(place)
    frames = file.frames if file.frames < 1 << 62 else None
    parts = find_parts(place) if file.format == "MP3" and place.is_file() else []
    if len(parts) > 1:
        return AudioSource(
            lambda source: _joined_chunks(source, parts, place),
            file.close,
            file.samplerate,
            file.channels,
            None,
        )
    return AudioSource(
        lambda source: _file_chunks(source, file, place),
        file.close,
        file.samplerate,
        file.channels,
        frames,
    )


def _open_file(path: Path) -> "SoundFile":
    import soundfile

    try:
        info = path.stat()
        if stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode):
            path.open("rb").close()  # says why not in better words than libsndfile
    except OSError as error:
        raise AudioError(f"cannot read {path}: {reason(error)}") from error
    if stat.S_ISREG(info.st_mode) and info.st_size == 0:
        raise AudioError(f"{path} is empty")
    try:
        with _quiet_stderr():
            file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if error.error_string.startswith(_NOT_AUDIO):
            raise AudioError(f"{path} is not an audio file") from error
        raise AudioError(f"{path} cannot be read as audio: {_words(error)}") from error
    if file.frames == 0:
        file.close()
        raise AudioError(f"{path} holds no sound")
    return file


def _file_chunks(
    source: AudioSource, file: "SoundFile", path: Path
) -> Iterator[NDArray[np.float32]]:
    """Until the decoder gives no more: the length in the header may be wrong."""
    import soundfile

    count = 0
    broken = False
    while not broken:
        # After an error soundfile does not say how much it has decoded: what is still NaN is not.
        buffer = np.full((CHUNK_FRAMES, file.channels), np.nan, np.float32)
        try:
            with _quiet_stderr() if file.format == "MP3" else contextlib.nullcontext():
                chunk = file.read(out=buffer)
        except soundfile.LibsndfileError as error:
            chunk = buffer[: int(np.argmax(np.append(np.isnan(buffer).all(axis=1), True)))]
            source.damage = f"{path} is damaged: {_words(error)}"
            broken = True
        if not len(chunk):
            break
        count += len(chunk)
        yield chunk
    if source.frames is not None and source.frames - count > _MISSING_S * file.samplerate:
        seconds, stated = count / file.samplerate, source.frames / file.samplerate
        source.damage = f"{path} is damaged: it ends after {seconds:.1f} of {stated:.1f} s"


def _joined_chunks(
    source: AudioSource, parts: list[Part], path: Path
) -> Iterator[NDArray[np.float32]]:
    """One stretch of an MP3 after the other, as far as they have the first one's sample rate."""
    import soundfile

    alike = [part for part in parts if part.kind == parts[0].kind]
    breaks = sum(part.start != before.stop for before, part in pairwise(alike))
    for part in alike:
        with contextlib.closing(Slice(path, part)) as data:
            try:
                with _quiet_stderr():
                    file = soundfile.SoundFile(data)
            except soundfile.LibsndfileError:
                breaks += 1
                continue
            yield from _file_chunks(source, file, path)
    breaks += len(parts) - len(alike)
    if breaks:
        places = "one place" if breaks == 1 else f"{breaks} places"
        source.damage = f"{path} is damaged in {places}"


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """mpg123, inside libsndfile, prints its notes on damaged files to the process's stderr."""
    try:
        kept = os.dup(2)
    except OSError:  # no standard error to keep clean
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def raw_chunks(
    stream: IO[bytes], channels: int, dtype: str = "<i2", full_scale: float = 32768.0
) -> Iterator[NDArray[np.float32]]:
    """Interleaved samples (n, channels) as they arrive; part of a frame at the end is dropped."""
    read = getattr(stream, "read1", stream.read)
    frame_bytes = np.dtype(dtype).itemsize * channels
    held = b""
    while data := read(frame_bytes * CHUNK_FRAMES):
        held += data
        whole = len(held) - len(held) % frame_bytes
        samples = np.frombuffer(held[:whole], dtype).astype(np.float32) / np.float32(full_scale)
        held = held[whole:]
        frames = samples.reshape(-1, channels)
        for start in range(0, len(frames), CHUNK_FRAMES):
            yield frames[start : start + CHUNK_FRAMES]


def write_audio(
    path: str | os.PathLike[str],
    sample_rate: int,
    kbps: int | None = None,
    channels: int = 1,
    stdout: IO[bytes] | None = None,
) -> "AudioSink":
    """Begin an audio file: .wav and .flac with 16 bits, .mp3 at a constant bit rate.

    path  `-` is raw signed 16-bit little-endian samples, interleaved, on standard output; a
          device or a pipe (/dev/null) is written in place, as WAV unless its name says otherwise
    kbps  of an MP3, 128 when not given
    Raises AudioError for an unknown kind of file, a bit rate that MP3 lacks, an unwritable place.
    """
    if str(path) == "-":
        if kbps is not None:
            raise AudioError("a bit rate is for MP3 files, standard output takes raw samples")
        stream = sys.stdout.buffer if stdout is None else stdout
        return AudioSink(RawWriter(stream), "standard output", channels)
    target, in_place = _place(Path(path))
    kind = WRITABLE.get(Path(path).suffix.lower()) or WRITABLE.get(target.suffix.lower())
    if kind is None:
        if not in_place:
            raise AudioError(f"cannot write {path}: the name must end in {', '.join(WRITABLE)}")
        kind = "WAV"
    level = _mp3_level(kind, sample_rate, kbps)
    return AudioSink(
        FileWriter(target, in_place, kind, sample_rate, channels, level), str(path), channels
    )


def _place(path: Path) -> tuple[Path, bool]:
    """Where a file called path goes, links followed, and whether it is a device or a pipe."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise AudioError(f"cannot write {path}: {reason(error)}") from error
    if stat.S_ISDIR(mode):
        raise AudioError(f"cannot write {path}: it is a folder")
    if stat.S_ISREG(mode):
        return Path(os.path.realpath(path)), False
    return path, True


def _mp3_level(kind: str, sample_rate: int, kbps: int | None) -> float | None:
    if kind != "MP3":
        if kbps is not None:
            raise AudioError(f"a bit rate is for MP3 files, a {kind} file has none")
        return None
    wanted = DEFAULT_MP3_KBPS if kbps is None else kbps
    if sample_rate not in MP3_KBPS:
        rates = ", ".join(str(rate) for rate in sorted(MP3_KBPS))
        raise AudioError(f"MP3 has no sample rate of {sample_rate} Hz, only {rates}")
    if wanted not in MP3_KBPS[sample_rate]:
        rates = ", ".join(str(rate) for rate in MP3_KBPS[sample_rate])
        raise AudioError(f"MP3 at {sample_rate} Hz has no {wanted} kbit/s, only {rates}")
    return mp3_compression_level(sample_rate, wanted)


class AudioSink:
    """Audio being written; as a context manager it commits at the end and drops on an error.

    A file appears under its name at `close`, complete, or not at all.
    """

    def __init__(self, writer: FileWriter | RawWriter, name: str, channels: int) -> None:
        self._writer = writer
        self._name = name
        self._channels = channels
        self._open = True

    def write(self, samples: NDArray[np.floating]) -> None:
        """Append samples (n,) or (n, channels), full scale 1; what is louder is clipped.

        Raises AudioError when the disk is full or the reader of a pipe has gone; the file is
        dropped then.
        """
        block = np.asarray(samples, dtype=np.float32).reshape(-1, self._channels)
        with self._sentences():
            for start in range(0, len(block), CHUNK_FRAMES):
                part = np.nan_to_num(block[start : start + CHUNK_FRAMES], nan=0.0)
                self._writer.write(np.clip(part, -1, 1))

    def close(self) -> None:
        """Complete the file and put it in its place."""
        if self._open:
            with self._sentences():
                self._writer.commit()
            self._open = False

    def abort(self) -> None:
        """Drop what was written."""
        if self._open:
            self._open = False
            self._writer.abort()

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """Drops the file whatever breaks off the work, Ctrl-C too; words the system's errors."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.abort)
            try:
                yield
            except OSError as error:
                raise AudioError(f"cannot write {self._name}: {reason(error)}") from error
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _words(error: "LibsndfileError") -> str:
    return " ".join(error.error_string.split()).rstrip(".")
