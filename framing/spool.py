"""The spool: what was received of unfinished transfers, on disk, and nothing that it holds in mind.

    ROOT/<transfer>-<packet bytes>/<object>-<k>.packets   packets one after the other
    ROOT/<transfer>-<packet bytes>/<object>.block         a rebuilt data block behind its CRC-32
    ROOT/<transfer>-<packet bytes>.over                   a transfer that is being removed
    ROOT/delivered                                        what was delivered already (replay.py)

A packet is written with one append and no buffer, so it outlives the process; a record that a
crash or a full disk cut short is cut off at the next append and skipped when reading. Every
packet carries its CRC, which is checked again when it is read back. Blocks are synced before the
packets they replace are removed. Files are opened for each operation, and whoever rebuilds or
delivers holds a lock on ROOT: several processes may receive into one folder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from framing import packet
from framing.errors import StorageError

_OBJECT_NAMES = {packet.HEADER: "header", packet.TRAILER: "trailer"}
_NUMBERS = {name: number for number, name in _OBJECT_NAMES.items()}
_CRC_BYTES = 4
_MEMORY = "delivered"
_OVER = ".over"
_NOT_THERE = (errno.ENOENT, errno.EIO)  # a bad sector costs what is in it, and may be sent again
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


class ObjectKey(NamedTuple):
    """One object of a transfer: its number (see `packet`) and its source symbols."""

    number: int
    k: int


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes | memoryview) -> None:
    """os.write until all is written."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # `ignore_errors` does not cover all of them
        shutil.rmtree(folder, ignore_errors=True)


def check_own(root: Path) -> None:
    """Raises StorageError where `root` is there, but is not a folder that is ours alone."""
    try:
        status = root.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise StorageError(f"{root} is not a folder of this user: it cannot be the spool")
        if status.st_mode & 0o077:
            root.chmod(0o700)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError.of("cannot use the spool", error) from error


class Spool:
    """All transfers below one folder, which is made when the first packet comes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Within it no other process rebuilds or delivers anything here. Raises StorageError."""
        try:
            handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            yield  # nothing is there that could be in anybody's way
            return
        except OSError as error:
            raise StorageError.of("cannot open the spool", error) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:
                raise StorageError.of("cannot lock the spool", error) from error
            yield
        finally:
            with contextlib.suppress(OSError):
                os.close(handle)

    def transfers(self) -> list[TransferSpool]:
        """What earlier runs left; transfers that they were just removing are removed."""
        found = []
        check_own(self._root)
        try:
            names = sorted(entry.name for entry in os.scandir(self._root))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError.of("cannot read the spool", error) from error
        for name in names:
            transfer, _, size = name.removesuffix(_OVER).partition("-")
            with contextlib.suppress(ValueError):
                stored = TransferSpool(self._root, bytes.fromhex(transfer), int(size))
                if (
                    len(stored.transfer) != packet.ID_BYTES
                    or stored.packet_bytes not in packet.SIZES
                ):
                    continue
                if name.endswith(_OVER):
                    _remove(self._root / name)
                else:
                    found.append(stored)
        return found

    @property
    def memory(self) -> Path:
        """The file of the replay memory."""
        return self._root / _MEMORY

    def transfer(self, transfer: bytes, packet_bytes: int) -> TransferSpool:
        return TransferSpool(self._root, transfer, packet_bytes)


class TransferSpool:
    """The files of one transfer. Every method raises StorageError where the disk fails."""

    def __init__(self, root: Path, transfer: bytes, packet_bytes: int) -> None:
        self._root = root
        self.transfer = transfer
        self.packet_bytes = packet_bytes
        self._folder = root / f"{transfer.hex()}-{packet_bytes}"
        self._prefix = f"{self._folder}{os.sep}"

    def _log_name(self, key: ObjectKey) -> str:
        """Text, because making a Path costs as much as writing a packet."""
        name = _OBJECT_NAMES.get(key.number, f"{key.number:05d}")
        return f"{self._prefix}{name}-{key.k}.packets"

    def _packets_path(self, key: ObjectKey) -> Path:
        return Path(self._log_name(key))

    def _block_path(self, number: int) -> Path:
        return self._folder / f"{number:05d}.block"

    def exists(self) -> bool:
        """Whether anything of the transfer is on disk."""
        try:
            return self._folder.is_dir()
        except OSError as error:
            raise StorageError.of("cannot read the spool", error) from error

    def changed_at(self) -> float:
        """When something was stored here last [s since 1970]; 0 where nothing is here."""
        try:
            times = []
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # another process goes on with it
                        times.append(entry.stat(follow_symlinks=False).st_mtime)
            return max([self._folder.stat().st_mtime, *times])
        except FileNotFoundError:
            return 0.0
        except OSError as error:
            raise StorageError.of("cannot read the spool", error) from error

    def objects(self) -> list[ObjectKey]:
        """Objects of which packets are there."""
        keys = []
        for path in self._listing("*.packets"):
            name, _, k = path.stem.partition("-")
            with contextlib.suppress(ValueError):
                key = ObjectKey(_NUMBERS[name] if name in _NUMBERS else int(name), int(k))
                # Other files than our own may lie here, and numbers can be written in many ways.
                if Path(self._log_name(key)) == path and packet.is_object(key.number, key.k):
                    keys.append(key)
        return keys

    def blocks(self) -> list[int]:
        """Data blocks that are complete."""
        numbers = []
        for path in self._listing("*.block"):
            with contextlib.suppress(ValueError):
                number = int(path.stem)
                if self._block_path(number) == path and number in range(packet.BLOCKS_MAX):
                    numbers.append(number)
        return numbers

    def _listing(self, pattern: str) -> list[Path]:
        try:
            return sorted(self._folder.glob(pattern))
        except OSError as error:
            raise StorageError.of("cannot read the spool", error) from error

    def append(self, key: ObjectKey, data: bytes) -> None:
        """Add one packet."""
        try:
            try:
                self._append(key, data)
            except FileNotFoundError:
                self._root.parent.mkdir(parents=True, exist_ok=True)
                self._root.mkdir(exist_ok=True, mode=0o700)
                check_own(self._root)
                self._folder.mkdir(exist_ok=True, mode=0o700)
                self._append(key, data)
        except OSError as error:
            raise StorageError.of("cannot store a received packet", error) from error

    def _append(self, key: ObjectKey, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        handle = os.open(self._log_name(key), flags, 0o600)
        try:
            size = os.fstat(handle).st_size
            whole = size - size % self.packet_bytes
            if whole != size:
                os.ftruncate(handle, whole)
            try:
                write_all(handle, data)
            except OSError:
                os.ftruncate(handle, whole)
                raise
        finally:
            os.close(handle)

    def packets(self, key: ObjectKey) -> Iterator[packet.Packet]:
        """The intact packets of one object, in order of arrival."""
        try:
            with self._packets_path(key).open("rb") as file:
                while len(data := file.read(self.packet_bytes)) == self.packet_bytes:
                    parsed = packet.parse(data)
                    if parsed and parsed[:3] == (self.transfer, key.number, key.k):
                        yield parsed
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise StorageError.of("cannot read the spool", error) from error

    def drop(self, key: ObjectKey) -> None:
        """Forget the packets of one object. What cannot be removed goes with the transfer."""
        with contextlib.suppress(OSError):
            self._packets_path(key).unlink()

    def store_block(self, number: int, data: bytes) -> None:
        """Keep a rebuilt block; the packets it came from can go then."""
        path = self._block_path(number)
        part = path.with_suffix(".part")
        try:
            handle = os.open(part, _NEW, 0o600)
            try:
                write_all(handle, crc32(data).to_bytes(_CRC_BYTES, "big") + data)
                os.fsync(handle)
            finally:
                os.close(handle)
            part.rename(path)
            sync_folder(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise StorageError.of("cannot store a received block", error) from error

    def block(self, number: int) -> bytes | None:
        """A block, or None (and the block is gone) where the disk gave something else back."""
        data = self.intact_block(number)
        if data is None:
            with contextlib.suppress(OSError):
                self._block_path(number).unlink()
        return data

    def intact_block(self, number: int) -> bytes | None:
        """A block, or None where the disk gives nothing or something else back."""
        try:
            data = self._block_path(number).read_bytes()
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise StorageError.of("cannot read the spool", error) from error
        intact = crc32(data[_CRC_BYTES:]).to_bytes(_CRC_BYTES, "big") == data[:_CRC_BYTES]
        return data[_CRC_BYTES:] if intact else None

    def delete(self) -> None:
        """Forget the transfer, all of it at once. What cannot be removed is left."""
        over = self._folder.with_name(self._folder.name + _OVER)
        with contextlib.suppress(OSError):
            self._folder.rename(over)
        for folder in (over, self._folder):
            _remove(folder)
        with contextlib.suppress(OSError):
            self._root.rmdir()
