"""Another order: swapped, repeated and missing packets, chunks and blocks, and parts of others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, permutations, product

from damage import EXACT, BreachError, Check
from damage.receiving import receive
from damage.recorded import Material, Recorded, Span

Numbers = Iterable[int]


def _swapped(things: Sequence[bytes], pair: tuple[int, int]) -> list[bytes]:
    made, (one, other) = list(things), pair
    made[one], made[other] = made[other], made[one]
    return made


def packet_lists(material: Material) -> list[list[bytes]]:
    """Every swap of two packets, and every packet twice: at once, or in turned order as the first
    and as the last."""
    packets = material.main.packets
    made = [_swapped(packets, pair) for pair in combinations(range(len(packets)), 2)]
    for at, again in enumerate(packets):
        made.append([*packets[:at], again, *packets[at:]])
        made.append([again, *packets[::-1], again])
    return made


def packets(material: Material, numbers: Numbers) -> Iterator[str]:
    """Any order and any repeat gives the file."""
    lists = packet_lists(material)
    for number in numbers:
        verdict = receive(material.main, lists[number])
        if verdict != EXACT:
            raise BreachError(f"{verdict}, only because packets come in another order")
        yield verdict


def _raw(recorded: Recorded, span: Span) -> bytes:
    return recorded.block[span.start : span.end]


def swaps(material: Material) -> list[bytes]:
    """Blocks with two chunks swapped."""
    first, *chunks, last = [_raw(material.main, span) for span in material.main.spans()]
    pairs = combinations(range(len(chunks)), 2)
    return [b"".join((first, *_swapped(chunks, pair), last)) for pair in pairs]


def repeats(material: Material) -> list[bytes]:
    """Blocks with a chunk twice, the second time before each chunk and behind all, or in the
    place of another chunk."""
    first, *chunks, last = [_raw(material.main, span) for span in material.main.spans()]
    made = []
    for chunk, at in product(chunks, range(len(chunks) + 1)):
        made.append([first, *chunks[:at], chunk, *chunks[at:], last])
        if chunks[at : at + 1] not in ([], [chunk]):
            made.append([first, *chunks[:at], chunk, *chunks[at + 1 :], last])
    return [b"".join(parts) for parts in made]


def gaps(material: Material) -> list[bytes]:
    """Blocks without some of their records."""
    parts = [_raw(material.main, span) for span in material.main.spans()]
    counts = range(1, len(parts))
    return [b"".join(some) for count in counts for some in combinations(parts, count)]


def exchanges(material: Material) -> list[bytes]:
    """Blocks with parts of another transfer: header, trailer, both, each chunk in each place,
    all chunks, all chunks and the trailer, everything."""
    first, *chunks, last = [_raw(material.main, span) for span in material.main.spans()]
    made = []
    for other in (material.same_key, material.other_key):
        head, *body, tail = [_raw(other, span) for span in other.spans()]
        made += [[head, *chunks, last], [first, *chunks, tail], [head, *chunks, tail]]
        made += [[first, *body, last], [first, *body, tail], [head, *body, tail]]
        for at, chunk in product(range(len(chunks)), body):
            made.append([first, *chunks[:at], chunk, *chunks[at + 1 :], last])
    return [b"".join(parts) for parts in made]


def _refused(
    blocks: Callable[[Material], list[bytes]],
) -> tuple[Callable[[Material], int], Callable[[Material, Numbers], Iterator[str]]]:
    """count and run of a Check of blocks of which none may give the file."""

    def run(material: Material, numbers: Numbers) -> Iterator[str]:
        made = blocks(material)
        for number in numbers:
            verdict = receive(material.main, material.main.packets_of(made[number]))
            if verdict == EXACT:
                raise BreachError("the file was delivered although its parts are not in order")
            yield verdict

    return lambda material: len(blocks(material)), run


def block_lists(material: Material) -> list[tuple[bytes, ...]]:
    """Blocks in every other order, one in the place of another, some left out (as the last
    ones), and those of another transfer."""
    true = material.parts.blocks
    made = [order for order in permutations(true) if order != true]
    for at in range(len(true)):
        for block in (*true, *material.others.blocks):
            if block != true[at]:
                made.append((*true[:at], block, *true[at + 1 :]))
    for count in range(1, len(true)):
        made += combinations(true, count)
    return made


def blocks(material: Material, numbers: Numbers) -> Iterator[str]:
    """Transfers of several blocks, of which none may give the file."""
    parts, lists = material.parts, block_lists(material)
    for number in numbers:
        made = [parts.packets_of(block, at) for at, block in enumerate(lists[number])]
        verdict = receive(parts, [one for packets in made for one in packets])
        if verdict == EXACT:
            raise BreachError("the file was delivered although its blocks are not in order")
        yield verdict


CHECKS = (
    Check("packets swapped, repeated", lambda material: len(packet_lists(material)), packets),
    Check("chunks swapped", *_refused(swaps)),
    Check("chunk repeated", *_refused(repeats)),
    Check("records left out", *_refused(gaps)),
    Check("parts of another transfer", *_refused(exchanges)),
    Check("blocks exchanged, left out", lambda material: len(block_lists(material)), blocks),
)
