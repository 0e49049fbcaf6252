"""Measures the Huffman coder: speed, and size against the entropy, beside zlib's Huffman coder.

    python tools/huffman_bench.py                 a made encyclopaedia, this program's own sources,
                                                  the pixels of its photo, noise
    python tools/huffman_bench.py FILE ...        these files instead; pictures count as RGB pixels
    python tools/huffman_bench.py --json          one line of JSON a row

Both coders get the same chunks of 64 KiB, one after the other in this thread, on one core; the
best of the rounds counts. The entropy is that of single bytes (order 0), once of each chunk by
itself and once of the whole sample. zlib runs with Z_HUFFMAN_ONLY: literals, no matches. The
other well-known coder, zstd, looks for matches whatever its Python packages can be told.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from framing.huffman import CHUNK_BYTES, pack, unpack

_ROOT = Path(__file__).parents[1]
_PHOTO = _ROOT / "tools" / "dialtone" / "data" / "photo.png"
_MADE_BYTES = 1 << 20
# What syllables are made of, more frequent ones first; no part of a file, which could change.
_ONSETS = "t s  r n th d c l m w h p f b g pr v st tr y ch sh k cl pl j fr qu z"
_VOWELS = "e a i o e a u io ea ou ee y ai oo au"
_CODAS = " n r s  l t d ng nt m st ct c rs x ck p ss"
_WORDS = 3000
_MARKUP = ("[[{}]]", "[[{}|{}]]", "''{}''", "'''{}'''", "&quot;{}&quot;", "({})", "{{{{{}}}}}")


@dataclass(frozen=True, slots=True)
class Coder:
    """A pair of functions for one chunk."""

    name: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Row:
    """What one coder made of one sample.

    size       of the result, in shares of the sample
    of_chunks  size against the entropies of the chunks, in percent more
    of_whole   size against the entropy of the whole sample, in percent more
    encode     [MB/s]
    decode     [MB/s]
    """

    sample: str
    coder: str
    bytes: int
    size: float
    of_chunks: float
    of_whole: float
    encode: float
    decode: float


def _deflate(chunk: bytes) -> bytes:
    coder = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(chunk) + coder.flush()


def _inflate(packed: bytes) -> bytes:
    return zlib.decompress(packed, -15)


CODERS = (Coder("ours", pack, unpack), Coder("zlib", _deflate, _inflate))


def entropy_bytes(data: bytes) -> float:
    """The order-0 entropy of all of `data`, in bytes."""
    counts = np.bincount(np.frombuffer(data, np.uint8))
    counts = counts[counts > 0]
    return float((counts * np.log2(len(data) / counts)).sum() / 8)


def encyclopaedia(size: int, seed: int = 0) -> bytes:
    """Pages as of a wiki's XML dump, of made words, the earlier ones more often."""
    rng = np.random.default_rng(seed)
    words = [_word(rng) for _ in range(_WORDS)]
    out: list[str] = []
    length = number = 0
    while length < size:
        number += int(rng.integers(1, 9))
        page = "".join(_page(rng, words, number))
        out.append(page)
        length += len(page)
    return "".join(out).encode()[:size]


def _ranked(rng: np.random.Generator, items: list[str]) -> str:
    """One of them, the earlier ones more often."""
    return items[int(len(items) * rng.random() ** 2)]


def _word(rng: np.random.Generator) -> str:
    kinds = [kind.split(" ") for kind in (_ONSETS, _VOWELS, _CODAS)]
    syllables = int(rng.integers(1, 4))
    parts = "".join(_ranked(rng, kind) for _ in range(syllables) for kind in kinds)
    chance = rng.random()
    return (parts.capitalize() if chance < 0.15 else parts) + ("," if chance > 0.9 else "")


def _page(rng: np.random.Generator, words: list[str], number: int) -> Iterator[str]:
    title = " ".join(rng.choice(words, 2)).strip(",.;").capitalize()
    year, month, day, name = rng.integers((1960, 1, 1, 0), (2006, 13, 29, len(words)))
    yield f"  <page>\n    <title>{title}</title>\n    <id>{number}</id>\n    <revision>\n"
    yield f"      <timestamp>{year}-{month:02}-{day:02}T12:00:{day:02}Z</timestamp>\n"
    yield f"      <contributor>\n        <username>{words[name].strip(',.;')}</username>\n"
    yield f"      </contributor>\n      <text xml:space=\"preserve\">'''{title}''' is"
    for place in range(int(rng.integers(80, 900))):
        word = _ranked(rng, words)
        chance = rng.random()
        plain = word.strip(",.;")
        if chance < 0.06:
            yield " " + _MARKUP[int(rng.integers(len(_MARKUP)))].format(plain, plain)
        elif chance < 0.07:
            yield f" {year + place % 40}"
        else:
            yield " " + word
        if chance > 0.99:
            yield f"\n\n=={plain.capitalize()}==\n" if place % 3 else f"\n* [[{plain}]]"
    yield "</text>\n    </revision>\n  </page>\n"


def own_samples() -> dict[str, bytes]:
    """Text, source and pixels that every copy of the project has, and noise."""
    sources = sorted((_ROOT / "modem").rglob("*.py"))
    return {
        "encyclopaedia": encyclopaedia(_MADE_BYTES),
        "sources": b"".join(path.read_bytes() for path in sources),
        "photo, RGB": _pixels(_PHOTO, "RGB"),
        "photo, grey": _pixels(_PHOTO, "L"),
        "noise": np.random.default_rng(0).bytes(1 << 19),
    }


def _pixels(path: Path, mode: str) -> bytes:
    with Image.open(path) as picture:
        return picture.convert(mode).tobytes()


def read_sample(path: Path) -> bytes:
    """A file's bytes, or the pixels of one that is a picture."""
    try:
        return _pixels(path, "RGB")
    except UnidentifiedImageError:
        return path.read_bytes()


def measure(name: str, data: bytes, coder: Coder, rounds: int) -> Row:
    """One row; ends the program where a chunk does not come back."""
    chunks = [data[i : i + CHUNK_BYTES] for i in range(0, len(data), CHUNK_BYTES)]
    packed = [coder.encode(chunk) for chunk in chunks]
    if [coder.decode(chunk) for chunk in packed] != chunks:
        sys.exit(f"{coder.name} does not bring {name} back")
    encode_s = _best_s(coder.encode, chunks, rounds)
    decode_s = _best_s(coder.decode, packed, rounds)
    size = sum(map(len, packed))
    return Row(
        sample=name,
        coder=coder.name,
        bytes=len(data),
        size=size / len(data),
        of_chunks=_above(size, sum(map(entropy_bytes, chunks))),
        of_whole=_above(size, entropy_bytes(data)),
        encode=len(data) / encode_s / 1e6,
        decode=len(data) / decode_s / 1e6,
    )


def _above(size: int, entropy: float) -> float:
    return 100 * (size / entropy - 1) if entropy else 0.0


def _best_s(work: Callable[[bytes], bytes], chunks: list[bytes], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for chunk in chunks:
            work(chunk)
        best = min(best, time.perf_counter() - begun)
    return best


def table(rows: list[Row]) -> str:
    """In Markdown."""
    lines = [
        "| sample | bytes | coder | size | beyond the chunks' entropy | beyond the whole's"
        " | encode, MB/s | decode, MB/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.sample} | {row.bytes} | {row.coder} | {100 * row.size:.2f} %"
            f" | {row.of_chunks:+.2f} % | {row.of_whole:+.2f} %"
            f" | {row.encode:.0f} | {row.decode:.0f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="to measure with")
    parser.add_argument("--rounds", type=int, default=9, help="of which the best counts; default 9")
    parser.add_argument("--json", action="store_true", help="one line of JSON a row")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("there has to be one round")
    try:
        samples = [(path.name, read_sample(path)) for path in options.files]
    except OSError as error:
        parser.error(str(error))
    rows = [
        measure(name, data, coder, options.rounds)
        for name, data in samples or own_samples().items()
        for coder in CODERS
        if data
    ]
    if options.json:
        for row in rows:
            print(json.dumps(asdict(row)))
    else:
        print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
