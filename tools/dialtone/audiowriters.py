"""How sound becomes bytes: raw samples into a stream, encoded files into a folder."""

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

# Rounded to 16 bits, a waveform of -13 dBFS stays 88 dB above the noise of rounding, far more than
# any speed of any profile needs.
_SUBTYPES = {"WAV": "PCM_16", "FLAC": "PCM_16", "MP3": "MPEG_LAYER_III"}
_LARGEST_WAV = 0xFFFFFFFF - 1024


class AudioError(Exception):
    """Audio that cannot be read or written; the text is one sentence for the user."""


def reason(error: OSError) -> str:
    """The system's reason in lower case, to end a sentence with."""
    return (error.strerror or str(error)).lower()


def _scratch(path: Path | None) -> IO[bytes]:
    """A new file to write into: at path, or an anonymous one.

    Not mkstemp, whose file only its owner may read: open() minds the umask.
    """
    return tempfile.TemporaryFile() if path is None else path.open("xb")


class RawWriter:
    """s16le samples to a stream; what was written cannot be taken back."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, samples: NDArray[np.float32]) -> None:
        self._stream.write(np.rint(samples * 32767).astype("<i2").tobytes())

    def commit(self) -> None:
        self._stream.flush()

    def abort(self) -> None:
        pass


class _Patches:
    """A file for libsndfile that only notes what is to be written where.

    libsndfile calls back from C, where an OSError of a full disk would be printed and lost;
    drained from Python it reaches the user.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[int, bytes]] = []
        self._position = 0
        self._size = 0

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def read(self, count: int) -> bytes:
        raise OSError(f"asked to read {count} bytes of a file that is being written")

    def write(self, data: bytes) -> int:
        self._pending.append((self._position, data))
        self._position += len(data)
        self._size = max(self._size, self._position)
        return len(data)

    def drain(self, file: IO[bytes]) -> None:
        pending, self._pending = self._pending, []
        for position, data in pending:
            file.seek(position)
            file.write(data)


class FileWriter:
    """Encodes into a hidden file in the target's folder, renamed at the end.

    in_place: the target is a device or a pipe; it gets a copy of an anonymous file at the end.
    """

    def __init__(
        self,
        target: Path,
        in_place: bool,
        kind: str,
        sample_rate: int,
        channels: int,
        level: float | None,
    ) -> None:
        import soundfile

        self._target = target
        self._part = (
            None if in_place else target.with_name(f".dialtone-{secrets.token_hex(6)}.part")
        )
        self._limit = _LARGEST_WAV // (2 * channels) if kind == "WAV" else None
        self._frames = 0
        self._patches = _Patches()
        try:
            self._file = _scratch(self._part)
        except OSError as error:
            raise AudioError(f"cannot write {target}: {reason(error)}") from error
        try:
            self._sound = soundfile.SoundFile(
                self._patches,
                "w",
                samplerate=sample_rate,
                channels=channels,
                format=kind,
                subtype=_SUBTYPES[kind],
                compression_level=level,
                bitrate_mode=None if level is None else "CONSTANT",
            )
        except soundfile.LibsndfileError as error:
            self._discard()
            raise AudioError(
                f"cannot write {target}: no {kind} with {channels} channels at {sample_rate} Hz"
            ) from error

    def write(self, samples: NDArray[np.float32]) -> None:
        self._frames += len(samples)
        if self._limit is not None and self._frames > self._limit:
            raise AudioError("a WAV file holds at most 4 GiB, a .flac file holds more")
        self._sound.write(samples)
        self._patches.drain(self._file)

    def commit(self) -> None:
        self._sound.close()
        self._patches.drain(self._file)
        self._file.flush()
        if self._part is None:
            self._file.seek(0)
            with self._target.open("wb") as target:
                shutil.copyfileobj(self._file, target)
            self._file.close()
        else:
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._target)

    def abort(self) -> None:
        self._sound.close()
        self._discard()

    def _discard(self) -> None:
        with contextlib.suppress(OSError):  # a full disk also fails the flush of closing
            self._file.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)
