"""Every truncation: of the packets, of a block, of a chunk."""

from collections.abc import Iterable, Iterator

from damage import INCOMPLETE, BreachError, Check
from damage.bits import every, same, turns
from damage.receiving import Chunks, receive, unsearched
from damage.recorded import Material, Recorded
from framing import packet, records
from framing.errors import MalformedError

Numbers = Iterable[int]


def prefixes(material: Material, numbers: Numbers) -> Iterator[str]:
    """The first packets, none to all."""
    for number in numbers:
        yield receive(material.main, material.main.packets[:number])


def suffixes(material: Material, numbers: Numbers) -> Iterator[str]:
    """The last packets, all to none."""
    for number in numbers:
        yield receive(material.main, material.main.packets[number:])


def _lengths(material: Material) -> int:
    return material.main.spans()[-1].end - 1


def _short(block: bytes) -> str:
    """What a cut block is without its trailer: no key is needed to see that it cannot be all."""
    try:
        kinds = {kind for kind, _ in records.parse(block)}
    except MalformedError as error:
        return type(error).__name__
    if records.TRAILER in kinds:
        raise BreachError(f"a cut block has the records {kinds}")
    return INCOMPLETE


def _cut(recorded: Recorded, length: int) -> bytes:
    """As a receiver rebuilds it: zeros fill the last symbol."""
    size = packet.symbol_bytes(0, len(recorded.packets[0]))
    return recorded.block[:length].ljust(-(-length // size) * size, b"\0")


def blocks(material: Material, numbers: Numbers) -> Iterator[str]:
    """Blocks of 1 byte and more. Received where the cut goes through a key header or trailer."""
    main = material.main
    first, *_, last = main.spans()
    for number in numbers:
        cut = _cut(main, number + 1)
        if first.end < number + 1 <= last.start:
            yield _short(cut)
        else:
            yield receive(main, main.packets_of(cut))


def blocks_received(material: Material, numbers: Numbers) -> Iterator[str]:
    """Cuts between header and trailer as blocks that are received: it must come to the same."""
    main = material.main
    at, step = turns(material)
    for number in numbers:
        cut = _cut(main, main.spans()[0].end + 1 + at + step * number)
        verdict = receive(main, main.packets_of(cut))
        same(verdict, _short(cut))
        yield verdict


def _between(material: Material) -> int:
    first, *_, last = material.main.spans()
    return last.start - first.end


def blocks_with_keys(material: Material, numbers: Numbers) -> Iterator[str]:
    """The same blocks after a keys object, which is a hint: it must come to the same."""
    main = material.main
    first, *_, last = main.spans()
    keys_object = main.block[: first.end] + main.block[last.start : last.end]
    keys_packets = main.packets_of(keys_object, packet.TRAILER)
    at, step = turns(material)
    for number in numbers:
        cut = _cut(main, first.end + 1 + at + step * number)
        verdict = receive(main, keys_packets + main.packets_of(cut))
        same(verdict, _short(cut))
        yield verdict


def _chunk_bytes(material: Material) -> int:
    return sum(len(span.body) for span in material.main.spans()[1:-1])


def _chunk_cuts(chunks: Chunks, numbers: Numbers) -> Iterator[tuple[int, int]]:
    """(chunk, bytes that are left of its body)"""
    ends = [sum(map(len, chunks.bodies[: i + 1])) for i in range(len(chunks.bodies))]
    at = 0
    for number in numbers:
        while number >= ends[at]:
            at += 1
        yield at, number - (ends[at] - len(chunks.bodies[at]))


def chunks_opened(material: Material, numbers: Numbers) -> Iterator[str]:
    """Shorter chunks, of which only this one is opened."""
    chunks = Chunks(material.main)
    with unsearched():
        for at, length in _chunk_cuts(chunks, numbers):
            yield chunks.verdict(at, chunks.bodies[at][:length])


def chunks_received(material: Material, numbers: Numbers) -> Iterator[str]:
    """Shorter chunk records, received as blocks: it must come to the same."""
    main, chunks = material.main, Chunks(material.main)
    first, step = turns(material)
    for at, length in _chunk_cuts(chunks, (1 + first + step * number for number in numbers)):
        if not length:
            continue  # there is no such record
        body = chunks.bodies[at][:length]
        start = chunks.starts[at] - records.PREFIX_BYTES
        rest = main.block[chunks.starts[at] + len(chunks.bodies[at]) :]
        block = main.block[:start] + records.build(records.CHUNK, body) + rest
        verdict = receive(main, main.packets_of(block))
        same(verdict, chunks.verdict(at, body))
        yield verdict


CHECKS = (
    Check("packets, the first", lambda material: len(material.main.packets) + 1, prefixes),
    Check("packets, the last", lambda material: len(material.main.packets) + 1, suffixes),
    Check("block cut, read", _lengths, blocks, layers=True),
    Check(
        "block cut, received",
        lambda material: every(_between(material), *turns(material)),
        blocks_received,
    ),
    Check(
        "block cut, trailer known",
        lambda material: every(_between(material), *turns(material)),
        blocks_with_keys,
    ),
    Check("chunk cut, opened", _chunk_bytes, chunks_opened, layers=True),
    Check(
        "chunk cut, received",
        lambda material: every(_chunk_bytes(material) - 1, *turns(material)),
        chunks_received,
    ),
)
