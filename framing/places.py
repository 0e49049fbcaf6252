"""Where verified files go: `Loose` puts them into one folder under their names; a program may
have another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from framing.delivery import discard, find_file, write_file
from framing.errors import StorageError
from framing.events import Received

Naming = Callable[[str, str], str]


def part_of(transfer_id: str) -> str:
    """What the names begin with of all that a place holds of a transfer before it is whole."""
    return f".dialtone-{transfer_id}"


class Place(Protocol):
    """Takes files in. One process at a time calls it: the caller holds the spool's lock.

    A process may be killed at any moment, within a call and after it: the same transfer then comes
    again. Until `put` has returned nothing but its own unfinished work may be left, and a `put` of
    what an earlier one had finished returns the path of that.
    """

    def put(self, received: Received, chunks: Iterator[bytes]) -> Path:
        """Write a file, as a whole or not at all; returns where it is.

        received  what is known of it; the path is only its name
        chunks    its content. The last check of it comes after the last chunk: nothing may be
                  believed before the iterator has ended
        Raises StorageError, and whatever `chunks` raises; then nothing is left behind.
        """

    def name_of(self, received: Received) -> str:
        """What its file is called in the end, if that name is free."""

    def find(self, received: Received, known: Callable[[bytes], bool]) -> Path | None:
        """The file of a transfer that was put before; None where it is gone.

        known  whether a file of this SHA-256 is one of it
        """

    def discard(self, transfer_id: str) -> None:
        """Remove what a process left of this transfer when it died."""


class Loose:
    """One folder with all files, under the first name that is free: photo.png, photo (1).png.

    naming  of `Inbox`
    """

    def __init__(self, folder: Path, naming: Naming | None = None) -> None:
        self._folder = folder
        self._naming = naming

    def put(self, received: Received, chunks: Iterator[bytes]) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError.of("cannot make the folder for received files", error) from error
        part = part_of(received.transfer_id)
        sha256 = bytes.fromhex(received.sha256)
        return write_file(self._folder, part, received.name, chunks, sha256)

    def name_of(self, received: Received) -> str:
        if self._naming is None:
            return received.name
        return self._naming(received.name, received.media)

    def find(self, received: Received, known: Callable[[bytes], bool]) -> Path | None:
        names = dict.fromkeys((self.name_of(received), received.name))
        found = (find_file(self._folder, name, known) for name in names)
        return next(filter(None, found), None)

    def discard(self, transfer_id: str) -> None:
        discard(self._folder, part_of(transfer_id))
