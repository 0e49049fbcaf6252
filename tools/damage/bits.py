"""Every bit flipped: of the packets, and below their CRC of what they are rebuilt to."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import framing
from damage import EXACT, INCOMPLETE, BreachError, Check
from damage.receiving import Chunks, judge, receive, unsearched
from damage.recorded import WAYS, Material, Recorded, keys
from framing import packet, records
from framing.errors import MalformedError

STRIDE = 97  # a prime: no field is passed over always
Numbers = Iterable[int]


def flipped(data: bytes, bit: int) -> bytes:
    """Bit 0 is the lowest of the first byte."""
    changed = bytearray(data)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


def turns(material: Material, stride: int = STRIDE) -> tuple[int, int]:
    """(first, step): each case of a stride falls to one of the ways of this layer in turn."""
    way = material.main.way
    sharing = [other for other in WAYS if other.layer == way.layer]
    return stride * sharing.index(way), stride * len(sharing)


def every(count: int, first: int, step: int) -> int:
    """How many of `count` numbers are taken."""
    return len(range(first, count, step))


# -- packets -----------------------------------------------------------------------------------


def _packet_bits(material: Material) -> int:
    return 8 * len(material.main.packets[0])


def packets(material: Material, numbers: Numbers) -> Iterator[str]:
    """An inbox is given all the changed packets before the right ones, without that one."""
    main = material.main
    size = _packet_bits(material)
    for number, cases in groupby(numbers, lambda case: case // size):
        with TemporaryDirectory() as name:
            folder = Path(name)
            inbox = framing.Inbox(folder, keys())
            count = 0
            for case in cases:
                if inbox.put(flipped(main.packets[number], case % size)) or any(folder.iterdir()):
                    raise BreachError("a packet was taken whose CRC is wrong")
                count += 1
            if inbox.foreign != count:
                raise BreachError(f"{count} damaged packets, of which {inbox.foreign} were dropped")
            rest = main.packets[:number] + main.packets[number + 1 :]
            said = [result for made in rest if (result := inbox.put(made))]
            verdict = judge(main, folder, said)
            if verdict != EXACT:
                raise BreachError(f"{verdict} although there are repair packets")
        yield from [verdict] * count


def losses(material: Material, numbers: Numbers) -> Iterator[str]:
    """One source symbol is not there, and no repair symbol."""
    sources = _sources(material.main)
    for number in numbers:
        verdict = receive(material.main, sources[:number] + sources[number + 1 :])
        if verdict != INCOMPLETE:
            raise BreachError(f"{verdict} although packet {number} is missing")
        yield verdict


def _sources(recorded: Recorded) -> list[bytes]:
    return [made for made in recorded.packets if (p := packet.parse(made)) and p.esi < p.k]


# -- the rebuilt block -------------------------------------------------------------------------


def _received(
    places: Callable[[Material], list[int]],
) -> tuple[Callable[[Material], int], Callable[[Material, Numbers], Iterator[str]]]:
    """count and run of a Check that flips the bits of these bytes of the block."""

    def count(material: Material) -> int:
        return 8 * len(places(material))

    def run(material: Material, numbers: Numbers) -> Iterator[str]:
        at = places(material)
        main = material.main
        for number in numbers:
            block = flipped(main.block, 8 * at[number >> 3] + (number & 7))
            yield receive(main, main.packets_of(block))

    return count, run


def _header(material: Material) -> list[int]:
    first = material.main.spans()[0]
    return list(range(first.start, first.end))


def _trailer(material: Material) -> list[int]:
    last = material.main.spans()[-1]
    return list(range(last.start, last.end))


def _prefixes(material: Material) -> list[int]:
    chunks = material.main.spans()[1:-1]
    return [at for span in chunks for at in range(span.start, span.start + records.PREFIX_BYTES)]


def _chunk_bits(material: Material) -> int:
    return 8 * sum(len(span.body) for span in material.main.spans()[1:-1])


def _places(chunks: Chunks, numbers: Numbers) -> Iterator[tuple[int, int]]:
    """(chunk, bit in its body) of each number"""
    before, ends = 0, []
    for body in chunks.bodies:
        before += 8 * len(body)
        ends.append(before)
    at = 0
    for number in numbers:
        while number >= ends[at]:
            at += 1
        yield at, number - (ends[at] - 8 * len(chunks.bodies[at]))


def opened(material: Material, numbers: Numbers) -> Iterator[str]:
    """Bits of chunks, of which only the changed chunk is opened."""
    chunks = Chunks(material.main)
    touched = set()
    with unsearched():
        for at, bit in _places(chunks, numbers):
            touched.add(at)
            yield chunks.verdict(at, flipped(chunks.bodies[at], bit))
    for at in touched:
        if chunks.verdict(at, chunks.bodies[at]) != EXACT:
            raise BreachError("a chunk that was refused changes the opener")


def received(material: Material, numbers: Numbers) -> Iterator[str]:
    """Bits of chunks, as blocks that are received: it must come to the same."""
    main, chunks = material.main, Chunks(material.main)
    first, step = turns(material)
    for at, bit in _places(chunks, (first + step * number for number in numbers)):
        block = flipped(main.block, 8 * chunks.starts[at] + bit)
        verdict = receive(main, main.packets_of(block))
        same(verdict, chunks.verdict(at, flipped(chunks.bodies[at], bit)))
        yield verdict


def same(verdict: str, short: str) -> None:
    """Raises BreachError where a whole reception ends otherwise than the short cut."""
    if verdict != short:
        raise BreachError(f"a whole reception gives {verdict}, its short cut {short}")


def _padding_bits(material: Material) -> int:
    return 8 * (len(material.main.block) - material.main.spans()[-1].end)


def _padded(material: Material, number: int) -> bytes:
    return flipped(material.main.block, 8 * material.main.spans()[-1].end + number)


def padding(material: Material, numbers: Numbers) -> Iterator[str]:
    """Bits behind the last record: the records are read, nothing is opened."""
    for number in numbers:
        try:
            kinds = [kind for kind, _ in records.parse(_padded(material, number))]
        except MalformedError as error:
            yield type(error).__name__
        else:
            raise BreachError(f"a changed padding reads as {kinds}")


def padding_received(material: Material, numbers: Numbers) -> Iterator[str]:
    """The same as blocks that are received."""
    for number in numbers:
        block = _padded(material, STRIDE * number)
        verdict = receive(material.main, material.main.packets_of(block))
        same(verdict, MalformedError.__name__)
        yield verdict


CHECKS = (
    Check(
        "bit of a packet",
        lambda material: _packet_bits(material) * len(material.main.packets),
        packets,
        unit=_packet_bits,
    ),
    Check("packet lost, no repairs", lambda material: len(_sources(material.main)), losses),
    Check("bit of the key header", *_received(_header)),
    Check("bit of a chunk's prefix", *_received(_prefixes)),
    Check("bit of a chunk, opened", _chunk_bits, opened, layers=True),
    Check(
        "bit of a chunk, received",
        lambda material: every(_chunk_bits(material), *turns(material)),
        received,
    ),
    Check("bit of the key trailer", *_received(_trailer)),
    Check("bit of the padding, read", _padding_bits, padding, layers=True),
    Check(
        "bit of the padding, received",
        lambda material: every(_padding_bits(material), 0, STRIDE),
        padding_received,
        layers=True,
    ),
)
