"""The inbox of the daemon: one folder for each transfer, which appears whole or not at all.

    INBOX/20261121T144500Z_1a2b3c4d/photo.png
                                    receipt.json   who, when, how it was heard
                                    .hook          only until the command of --exec has ended

A folder is made under a hidden name, synced, and renamed. Whenever the process is killed, the
transfer is still in the spool until the folder has its name and the replay memory knows it: it is
then placed again, and the folder of the first time is recognised by its receipt.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import framing
from dialtone import pictures
from dialtone.errors import Failure
from dialtone.output import plain
from dialtone.reception import signal_facts
from dialtone.signers import signature_of
from framing.delivery import umask, write_file
from framing.errors import StorageError
from framing.places import part_of
from framing.spool import sync_folder, write_all

RECEIPT = "receipt.json"
HOOK = ".hook"
_FOLDER = re.compile(r"\d{8}T\d{6}Z_([0-9a-f]{8})(-\d+)?")
_RECEIPT_BYTES_MAX = 1 << 16
_SAME_SECOND_MAX = 1000
_SOURCES_MAX = 1024
_WHAT_IT_IS = ("transfer", "sha256", "payload_sha256", "signer")

Receipt = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A transfer that was received.

    file     in the folder; it may be gone by now
    receipt  the content of its receipt.json
    """

    folder: Path
    file: Path
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Source:
    """Where a transfer comes from: the input, and what is known of the signal."""

    input: str | None = None
    signal: Any = None


def arrivals(folder: Path) -> list[Arrival]:
    """What was received into an inbox, the newest first; skips what is no arrival."""
    return [found for path in _folders(folder) if (found := arrival(path)) is not None]


def hooked(folder: Path) -> list[Arrival]:
    """Those of which the command of --exec has not ended, the oldest first. In an inbox of months
    no other receipt is read."""
    marked = [path for path in _folders(folder) if os.path.lexists(path / HOOK)]
    return [found for path in reversed(marked) if (found := arrival(path)) is not None]


def arrived(folder: Path, most: int) -> list[str]:
    """Numbers of the transfers that were received into an inbox last, at most so many."""
    return [path.name.split("_")[1][:8] for path in islice(_folders(folder), most)]


def arrival(folder: Path) -> Arrival | None:
    """What one folder of an inbox holds; None where it is no arrival. Follows no links."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return None
        handle = os.open(folder / RECEIPT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            receipt = json.loads(file.read(_RECEIPT_BYTES_MAX))
        name = receipt["file"]
        if name != Path(name).name or name in ("", ".", "..") or "\0" in name:
            return None
        found = folder / name
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(found.lstat().st_mode):
                return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Arrival(folder, found, receipt)


def _folders(inbox: Path, transfer: str | None = None) -> Iterator[Path]:
    """Folders named as those of arrivals, of one transfer or of all; the newest first."""
    try:
        names = sorted((entry.name for entry in os.scandir(inbox)), reverse=True)
    except OSError:
        return
    for name in names:
        match = _FOLDER.fullmatch(name)
        if match and transfer in (None, match[1]):
            yield inbox / name


class Arrivals:
    """Places verified files into such folders; a `framing.places.Place`.

    hooked  whether a command is to be run for each arrival
    clock   seconds since 1970 UTC
    """

    def __init__(
        self, folder: Path, hooked: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._sources: dict[str, Source] = {}
        self._folder = folder
        self._hooked = hooked
        self._clock = clock

    def source(self, transfer_id: str) -> Source:
        """Where the last packet of a transfer came from, as far as that is known."""
        return self._sources.get(transfer_id, Source())

    def note(self, transfer_id: str, source: Source) -> None:
        """Remember where a packet of a transfer came from."""
        self._sources.pop(transfer_id, None)
        self._sources[transfer_id] = source
        if len(self._sources) > _SOURCES_MAX:
            del self._sources[next(iter(self._sources))]

    def put(self, received: framing.Received, chunks: Iterator[bytes]) -> Path:
        self.discard(received.transfer_id)
        staging = self._folder / f"{part_of(received.transfer_id)}-{secrets.token_hex(8)}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            staging.mkdir(mode=0o700)
            receipt = self._fill(staging, received, chunks)
            for before in map(arrival, _folders(self._folder, received.transfer_id)):
                if before and all(before.receipt.get(k) == receipt[k] for k in _WHAT_IT_IS):
                    return before.file
            return self._name(staging, receipt) / receipt["file"]
        except OSError as error:
            raise StorageError.of("cannot write the received file", error) from error
        finally:
            _remove(staging)

    def name_of(self, received: framing.Received) -> str:
        return pictures.restored_name(received.name, received.media)

    def find(self, received: framing.Received, known: Callable[[bytes], bool]) -> Path | None:
        for before in map(arrival, _folders(self._folder, received.transfer_id)):
            if before is None:
                continue
            try:
                sha256 = bytes.fromhex(before.receipt["payload_sha256"])
            except (KeyError, TypeError, ValueError):
                continue
            if known(sha256) and before.file.is_file():
                return before.file
        return None

    def discard(self, transfer_id: str) -> None:
        with contextlib.suppress(OSError):
            for path in self._folder.glob(f"{part_of(transfer_id)}-*.part"):
                _remove(path)

    def _fill(self, staging: Path, received: framing.Received, chunks: Iterator[bytes]) -> Receipt:
        """The file, what is made of it, the receipt: all on disk."""
        reserved = staging / RECEIPT  # no file may take this name
        reserved.mkdir()
        sha256 = bytes.fromhex(received.sha256)
        part = part_of(received.transfer_id)
        path = write_file(staging, part, received.name, chunks, sha256)
        receipt = self._receipt(received, path)
        reserved.rmdir()
        _write(reserved, json.dumps(receipt, ensure_ascii=False, indent=1).encode() + b"\n")
        if self._hooked:
            _write(staging / HOOK, b"")
        for path in staging.iterdir():  # what could not be removed when it should have been
            if path.name not in (receipt["file"], RECEIPT, HOOK):
                path.unlink()
        staging.chmod(0o777 & ~umask())
        sync_folder(staging)
        return receipt

    def _receipt(self, received: framing.Received, path: Path) -> Receipt:
        n_bytes, sha256, note = received.size, received.sha256, ""
        if received.media in pictures.RESTORED_MEDIA:
            try:
                restored = pictures.restore(path, received.media)
            except Failure as failure:
                note = failure.sentence
            else:
                path, n_bytes = restored.path, restored.size
                sha256, note = restored.sha256, restored.note
                _sync(path)
        source = self.source(received.transfer_id)
        signal = source.signal
        # Every receipt has all the fields; without a signal its figures are not known.
        heard = dict.fromkeys(
            ("air_seconds", "goodput_bps", "snr_db", "clock_ppm", "profile", "speed",
             "packets_lost")
        )  # fmt: skip
        now = self._clock()
        facts: dict[str, object] = {
            "file": path.name,
            "bytes": n_bytes,
            "sha256": sha256,
            "transfer": received.transfer_id,
            "media": received.media,
            "protection": received.protection,
            **signature_of(received).facts(),
            "signed_at": received.signed_at,
            "expires": received.expires,
            "received_at": now,
            "received": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            **(heard if signal is None else signal_facts(n_bytes, signal)),
            "input": source.input,
            "note": note,
            "payload_bytes": received.size,
            "payload_sha256": received.sha256,
        }
        return {key: plain(value) for key, value in facts.items()}

    def _name(self, staging: Path, receipt: Receipt) -> Path:
        """Give the folder its name."""
        moment = datetime.fromtimestamp(receipt["received_at"], UTC)
        name = f"{moment:%Y%m%dT%H%M%SZ}_{receipt['transfer']}"
        for number in range(1, _SAME_SECOND_MAX):
            target = self._folder / (name if number == 1 else f"{name}-{number}")
            if os.path.lexists(target):
                continue
            staging.rename(target)
            sync_folder(self._folder)
            return target
        raise StorageError(f"there are too many folders called {name}")


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        write_all(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        shutil.rmtree(folder, ignore_errors=True)
