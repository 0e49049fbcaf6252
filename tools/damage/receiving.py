"""Receiving what was damaged, and judging what comes of it."""

import functools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import framing
from damage import EXACT, INCOMPLETE, BreachError
from damage.recorded import MEDIA, NAME, Recorded, keys
from framing import errors, header, records, trailer
from framing.cipher import ChunkOpener, scrypt
from framing.huffman import STORED, unpack
from framing.inbox import SPOOL_NAME, Outcome
from framing.keys import Keyring

_STAYS = (errors.LockError, errors.VersionError)  # another receiver may take it later


@contextmanager
def hurried() -> Iterator[None]:
    """What is waited for without need: the disk, and scrypt of what it has seen before."""
    with ExitStack() as stack:
        stack.enter_context(patch("os.fsync", lambda _: None))
        stack.enter_context(patch("framing.keys.scrypt", functools.cache(scrypt)))
        yield


def receive(recorded: Recorded, packets: Iterable[bytes]) -> str:
    """The verdict on these packets, of a receiver who has all keys. Raises BreachError."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with framing.Inbox(folder, keys()) as inbox:
            said = [result for made in packets if (result := inbox.put(made))]
        if not said:
            with framing.Inbox(folder, keys()) as inbox:
                said = inbox.resume()
        return judge(recorded, folder, said)


def judge(recorded: Recorded, folder: Path, said: list[Outcome]) -> str:
    """The verdict on what an inbox said, and on what is in its folder now. Raises BreachError."""
    files = {path.name: path for path in folder.iterdir() if path.name != SPOOL_NAME}
    spool = folder / SPOOL_NAME
    waiting = [path.name for path in spool.glob("*") if path.name != "delivered"]
    while len(said) > 1 and isinstance(said[0], framing.Refused):
        said = said[1:]  # a key that does not fit, or a part, is told at once; then the rest comes
    match said:
        case []:
            verdict = INCOMPLETE
        case [framing.Refused() as refused]:
            if waiting and not _stays(refused):
                raise BreachError(f"refused with {refused.error}, and {waiting} is in the spool")
            verdict = refused.error
        case [framing.Received() as received]:
            _check_file(recorded, received, files.pop(NAME, None))
            if waiting:
                raise BreachError(f"received, and {waiting} is in the spool")
            verdict = EXACT
        case _:
            raise BreachError(f"the receiver said {said}")
    if files:
        raise BreachError(f"{verdict}, and there is {sorted(files)}")
    return verdict


def _stays(refused: framing.Refused) -> bool:
    """Whether packets are kept, for other keys or a later version."""
    kind = getattr(errors, refused.error, None)
    if not (isinstance(kind, type) and issubclass(kind, errors.TransferError)):
        raise BreachError(f"refused with {refused.error}, which is no error of a transfer")
    return issubclass(kind, _STAYS)


def _check_file(recorded: Recorded, received: framing.Received, path: Path | None) -> None:
    if path is None or received.path != path:
        raise BreachError(f"the file is called {received.path.name}, not {NAME}")
    if path.read_bytes() != recorded.file:
        raise BreachError("the file has other bytes")
    told = (received.name, received.size, received.media, received.signer)
    true = (NAME, len(recorded.file), MEDIA, recorded.way.signer)
    if told != true:
        raise BreachError(f"the receiver told of {told}, not of {true}")


@contextmanager
def unsearched() -> Iterator[None]:
    """A chunk that does not open in its place is not tried in the places of all others: that
    chooses the name of the error, and takes half of the time."""
    with patch("framing.cipher._SEARCH", 1):
        yield


class Chunks:
    """The sealed chunks of a recorded transfer of one block, each to be opened by itself."""

    def __init__(self, recorded: Recorded) -> None:
        first, *others, last = recorded.spans()
        self.bodies = [span.body for span in others]
        self.starts = [span.start + records.PREFIX_BYTES for span in others]
        opened = header.Header.parse(first.body).unlock(recorded.transfer, Keyring(keys()))
        part = trailer.Part(recorded.transfer, first.body)
        self._suite = opened.suite
        self._tables: tuple[bytes, ...] | None = None
        if opened.metadata.encrypt_first:
            self._tables = trailer.Trailer.open(last.body, opened.suite, part).tables
        self._openers: dict[int, ChunkOpener] = {}
        opener = ChunkOpener(self._suite, len(self.bodies))
        self._plain = [self._open(opener, i, body) for i, body in enumerate(self.bodies)]
        if b"".join(self._plain) != recorded.file:
            raise BreachError("the chunks are not the file")

    def _open(self, opener: ChunkOpener, number: int, body: bytes) -> bytes:
        if self._tables is None:
            return unpack(opener.open(body))
        table = self._tables[number] if number < len(self._tables) else STORED
        return opener.open(unpack(table + body))

    def _opener(self, number: int) -> ChunkOpener:
        """One that has opened all chunks before this one; it stays so while it refuses."""
        if number not in self._openers:
            opener = ChunkOpener(self._suite, len(self.bodies))
            for before in range(number):
                self._open(opener, before, self.bodies[before])
            self._openers[number] = opener
        return self._openers[number]

    def verdict(self, number: int, body: bytes) -> str:
        """On another body in a chunk's place. Raises BreachError where it gives other bytes."""
        try:
            chunk = self._open(self._opener(number), number, body)
        except errors.TransferError as error:
            return type(error).__name__
        del self._openers[number]
        if chunk != self._plain[number]:
            raise BreachError(f"chunk {number} opens, and gives other bytes")
        return EXACT
