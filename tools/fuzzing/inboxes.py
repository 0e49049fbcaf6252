"""Targets with a folder: packets, transfers and files of a spool, given to an inbox."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import framing
from framing import packet, records
from framing.errors import StorageError
from framing.huffman import pack_parts
from framing.inbox import SPOOL_NAME, Outcome
from framing.trailer import Part
from fuzzing import Choices, containers
from fuzzing.containers import NOW, Container


def _inbox(folder: Path, keys: framing.Keys | None = None) -> framing.Inbox:
    return framing.Inbox(folder, keys, clock=lambda: float(NOW), limit=1 << 20)


def _look(inbox: framing.Inbox) -> None:
    """What a program asks while packets come in."""
    for progress in inbox.pending():
        inbox.partial(progress.transfer_id)


def _check(folder: Path, outcomes: Iterable[Outcome | None]) -> None:
    """Only whole files of those who were received, under their names."""
    there = {path for path in folder.iterdir() if path.name != SPOOL_NAME}
    received = [outcome for outcome in outcomes if isinstance(outcome, framing.Received)]
    assert there == {outcome.path for outcome in received}
    for outcome in received:
        data = outcome.path.read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (outcome.size, outcome.sha256)


def transfers(data: bytes, folder: Path) -> None:
    """A transfer that was changed on any level and sealed again above it."""
    how = Choices(data)
    base = how.pick(containers.containers())
    sealed_again = how.below(4) > 0
    block = _block(base, how) if sealed_again else how.edited(_original_block(base))
    made = containers.packets_of(base.transfer, block or b"\0", base.packet_bytes)
    with containers.without_scrypt():
        inbox = _inbox(folder, containers.all_keys() if how.often() else None)
        outcomes = [inbox.put(p) for p in made]
        _look(inbox)
        outcomes += _inbox(folder, containers.all_keys()).resume()
    _check(folder, outcomes)
    if not sealed_again:  # nobody without the key can have made another file
        for outcome in outcomes:
            if isinstance(outcome, framing.Received):
                assert outcome.path.read_bytes() == base.data


def _original_block(base: Container) -> bytes:
    symbols = {p.esi: p for p in map(packet.parse, base.packets) if p and p.number == 0}
    return b"".join(symbols[esi].symbol for esi in range(symbols[0].k))


def _block(base: Container, how: Choices) -> bytes:
    stanzas = base.stanzas if how.often() else tuple(how.reordered(base.stanzas))
    built = b"".join(records.field(tag, value) for tag, value in stanzas)
    metadata = base.metadata if how.often() else how.edited(base.metadata)
    head = containers.sealed_header(base.suite, built[: (1 << 16) - 1], metadata)
    chunks = list(base.chunks)
    if how.below(2):
        chunks = [how.edited(chunk) for chunk in how.reordered(chunks)]
    if how.below(4) == 0:
        chunks = [*chunks, how.pick((b"\0", b"", b"\0rest", b"\1\xff\xff" + bytes(8)))]
    bodies = containers.sealed_chunks(base.suite, chunks)
    tables = b""
    if base.encrypt_first:
        parts = [pack_parts(body[: 1 << 16]) for body in bodies]
        heads = [part if how.often() else how.edited(part) for part, _ in parts]
        bodies = [body if how.often() else how.edited(body) for _, body in parts]
        tables = b"".join(records.field(2, part) for part in heads)
    body = _tail(base, len(bodies), how) + tables
    part = Part(base.transfer, head)
    signer = containers.identity() if base.signed else None
    trailer = containers.sealed_trailer(base.suite, b"\0\1", body, part, signer)
    items = [(1, head), *((3, body) for body in bodies), (2, trailer)]
    if how.below(4) == 0:
        items = how.reordered(items)
    if how.below(8) == 0:
        items.append((how.below(16), how.piece()))
    return b"".join(records.build(kind, body) for kind, body in items if body)


def _tail(base: Container, chunks: int, how: Choices) -> bytes:
    """Chunks, length and digest; those of the content where nothing is changed."""
    if how.often():
        return chunks.to_bytes(4, "big") + base.tail[4:]
    return how.edited(base.tail)


def packets(data: bytes, folder: Path) -> None:
    """Packets of several transfers, sent and invented, lost and changed, over two inboxes."""
    how = Choices(data)
    bases = [how.pick(containers.containers()) for _ in range(2)]
    keys = containers.all_keys() if how.below(2) else None
    outcomes: list[Outcome | None] = []
    with containers.without_scrypt():
        inbox = _inbox(folder, keys)
        for _ in range(how.below(24)):
            base = how.pick(bases)
            match how.below(8):
                case 0:
                    some: Iterable[bytes] = [how.edited(how.pick(base.packets))]
                case 1 | 2:
                    some = [_invented(base, how)]
                case 3:
                    some = base.packets[how.below(4) :]
                case 4:
                    inbox = _inbox(folder, containers.all_keys() if how.below(2) else None)
                    some = []
                case 5:
                    some = [_invented(base, how) for _ in range(how.below(12))]
                case _:
                    some = [how.pick(base.packets)]
            outcomes += [inbox.put(p) for p in some]
        _look(inbox)
        outcomes += _inbox(folder, containers.all_keys()).resume()
    _check(folder, outcomes)
    for outcome in outcomes:
        if isinstance(outcome, framing.Received) and outcome.protection != "plain":
            assert outcome.path.read_bytes() in [base.data for base in bases]


def _invented(base: Container, how: Choices) -> bytes:
    number = how.pick((0, 1, 5, 6, 7, 32767, packet.HEADER, packet.TRAILER))
    form = packet.form_of(number)
    size = packet.symbol_bytes(number, base.packet_bytes)
    k = how.pick((1, 2, 3, 5, 1 + how.below(form.k_max)))
    esi = how.pick((0, 1, 2, k, k + 1, how.below(form.esi_count)))
    match how.below(4):
        case 0:
            symbol = records.build(how.below(16), how.piece() or b"\1")
        case 1:
            symbol = _original_block(base)[how.below(3) * size :]
        case _:
            symbol = how.piece()
    return packet.build(base.transfer, number, k, esi, symbol[:size].ljust(size, b"\0"))


_FOLDERS = ("abcdefgh-64", "41 42 43 44-64", "41424344-x", "-", "41424344-0")
_NAMES = (
    "00000-1.packets", "00000-0.packets", "00000--1.packets", "00001-3.packets", "header-1.packets",
    "trailer-2.packets", "-1-2.packets", "+0-1.packets", "00000-99999999999.packets", "x.packets",
    "00000.block", "-0001.block", "00001.block", "99999.block", "1_0.block", "x.block", "0.part",
)  # fmt: skip


def spool(data: bytes, folder: Path) -> None:
    """Files of any name and content in the spool, and then the transfer."""
    how = Choices(data)
    base = how.pick(containers.containers())
    root = folder / SPOOL_NAME
    own = f"{base.transfer.hex()}-{base.packet_bytes}"
    name = own if how.often() else how.pick(_FOLDERS)
    (root / name).mkdir(parents=True)
    for _ in range(how.below(6)):
        path = root / name / how.pick(_NAMES)
        whole = b"".join(base.packets)
        content = how.pick((how.piece(), whole, how.edited(whole)))
        if how.below(4) == 0:
            content = _block_file(how.edited(_original_block(base)))
        if how.below(16) == 0:
            with contextlib.suppress(FileExistsError):
                path.mkdir()
        elif not path.is_dir():
            path.write_bytes(content)
    outcomes: list[Outcome | None] = []
    with containers.without_scrypt():
        try:
            inbox = _inbox(folder, containers.all_keys())
            outcomes += inbox.resume()
            outcomes += [inbox.put(p) for p in base.packets]
            _look(inbox)
        except StorageError:
            assert any(path.is_dir() for path in (root / name).glob("*"))
    _check(folder, outcomes)


def _block_file(block: bytes) -> bytes:
    return crc32(block).to_bytes(4, "big") + block


def memory(data: bytes, folder: Path) -> None:
    """A memory of deliveries with any content, or changed after a delivery."""
    how = Choices(data)
    base = how.pick(containers.containers())
    root = folder / SPOOL_NAME
    root.mkdir()
    first = how.below(2)
    outcomes: list[Outcome | None] = []
    with containers.without_scrypt():
        if first:
            inbox = _inbox(folder, containers.all_keys())
            outcomes += [inbox.put(p) for p in base.packets]
        stored = root / "delivered"
        before = stored.read_bytes() if stored.exists() else b""
        stored.parent.mkdir(exist_ok=True)
        stored.write_bytes(how.edited(before) + how.rest())
        inbox = _inbox(folder, containers.all_keys())
        results = [inbox.put(p) for p in base.packets]
    _check(folder, [*outcomes, *results])
    assert any(isinstance(result, framing.Received | framing.Repeated) for result in results)
