"""What is there of a file that is still arriving: its beginning, as far as it has no gap.

Only for looking at while the rest is on its way. The chunk that is not whole has no tag yet: it
is decrypted without being verified, and of a file nothing is certain before its trailer. So none
of this is ever written to disk, and nothing of it decides anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from framing import packet, records
from framing.cipher import TAG_BYTES, Suite, chunk_nonce
from framing.errors import AuthenticationError, FramingError
from framing.header import Metadata, Opened
from framing.huffman import CHUNK_BYTES, MODES, STORED, unpack
from framing.names import safe_name
from framing.spool import ObjectKey, TransferSpool

DATA_MAX = 4 << 20  # bytes of a file that are shown
_READ_MAX = 2  # packets that are read of a block, for each source symbol: more are not stored


@dataclass(frozen=True, slots=True)
class Partial:
    """The beginning of a file that is still arriving. Nothing of the data is verified.

    name     base name for a file; as all but the data from the key header, whose MAC is right
    size     of the whole file [bytes]; None where nobody knows
    preview  what the sender put there to be shown until the file has come, may be empty
    data     at most 4 MiB
    """

    name: str
    media: str
    size: int | None
    preview: bytes = field(repr=False)
    data: bytes = field(repr=False)


def partial_of(
    spool: TransferSpool,
    header: bytes,
    opened: Opened,
    done: Collection[int],
    symbols: Mapping[ObjectKey, int],
) -> Partial:
    """What is there of a transfer whose key header is open. Changes nothing, raises nothing.

    header   as it was opened: a first block with another one does not count
    done     numbers of the rebuilt blocks
    symbols  how many symbols there are of other objects
    """
    metadata = opened.metadata
    data = b""
    if not metadata.encrypt_first:  # whose code tables stand in the trailer
        for chunk in _chunks(_records(spool, header, done, symbols), opened.suite, metadata):
            data += chunk
            if len(data) >= DATA_MAX:
                break
    name = safe_name(metadata.name)
    return Partial(name, metadata.media, metadata.size, metadata.preview, data[:DATA_MAX])


def _chunks(
    found: Iterator[tuple[int, bytes]], suite: Suite, metadata: Metadata
) -> Iterator[bytes]:
    """The chunks in order; the last one may be a beginning.

    found  chunk records: (length of the body, what is there of it)
    """
    for number, (length, body) in enumerate(found):
        flags = [False, True]  # one of them fits
        if metadata.size is not None:
            flags = [number == max(0, metadata.size - 1) // CHUNK_BYTES]
        nonces = [chunk_nonce(number, last) for last in flags]
        if len(body) < length:
            yield _unverified(body[: max(0, length - TAG_BYTES)], suite, nonces)
            return
        chunk = _verified(body, suite, nonces)
        if chunk is None:
            return
        yield chunk
        if len(chunk) < CHUNK_BYTES:
            return


def _verified(sealed: bytes, suite: Suite, nonces: list[int]) -> bytes | None:
    for nonce in nonces:
        try:
            return unpack(suite.open(b"chunk", nonce, b"", sealed))
        except AuthenticationError:
            continue
        except FramingError:
            return None
    return None


def _unverified(start: bytes, suite: Suite, nonces: list[int]) -> bytes:
    """The beginning of a chunk of which the end is missing; nothing where it is packed.

    Under a nonce that is not the chunk's, its mode is a random byte. So where two are possible
    and both give a mode, nobody can tell.
    """
    opened = {suite.unverified(b"chunk", nonce, start) for nonce in nonces}
    likely = [body for body in opened if body[:1] in MODES]
    if len(likely) == 1 and likely[0].startswith(STORED):
        return likely[0][len(STORED) :]
    return b""


def _records(
    spool: TransferSpool,
    header: bytes,
    done: Collection[int],
    symbols: Mapping[ObjectKey, int],
) -> Iterator[tuple[int, bytes]]:
    """The chunk records in order, the last one maybe cut short."""
    for number in range(packet.BLOCKS_MAX):
        whole = number in done
        try:
            data = spool.intact_block(number) if whole else _start(spool, number, symbols)
        except FramingError:
            return
        if not data:
            return
        for kind, length, body in records.started(data):
            if kind == records.HEADER and number == 0 and body == header:
                continue
            if kind != records.CHUNK:
                return
            yield length, body
            if len(body) < length:
                return
        if not whole:
            return


def _start(spool: TransferSpool, number: int, symbols: Mapping[ObjectKey, int]) -> bytes:
    """The source symbols of a block, from the first to the first that is missing."""
    keys = [key for key in symbols if key.number == number]
    if not keys:
        return b""
    key = max(keys, key=lambda each: symbols[each])
    stored = islice(spool.packets(key), _READ_MAX * key.k)
    source = {parsed.esi: parsed.symbol for parsed in stored if parsed.esi < key.k}
    if key.k == 1:
        return b""  # one symbol would have been the whole block
    end = next(esi for esi in range(key.k + 1) if esi not in source)
    return b"".join(source[esi] for esi in range(end))
