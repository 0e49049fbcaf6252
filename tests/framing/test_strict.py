"""Where one implementation was laxer than the other: the page's words, taken strictly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import framing
from framing import packet, records
from framing.ends import Ends

from .second import locks
from .second.locks import Stanza
from .second.packets import field
from .test_strange import AB, RIGHT, both, changed, forgotten, huffman


def test_a_clear_key_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    taken, outcome = both(tmp_path, stanzas=[forgotten(locks.clear()), RIGHT])
    assert taken
    assert isinstance(outcome, framing.Received), outcome


LAX: dict[str, dict[str, Any]] = {
    "size with a zero": {"sized": False, "metadata": field(3, b"\0\x0c")},
    "expiry with a zero": {"metadata": field(129, b"\0\xff\xff\xff\xff\xff")},
    "a wrong size": {"sized": False, "metadata": field(3, b"\x0d")},
    "trailer first": changed(lambda r: [r[0], r[2], r[1]]),
    "chunk first": changed(lambda r: [r[1], r[0], r[2]]),
    "header twice": changed(lambda r: [r[0], *r]),
    "trailer twice": changed(lambda r: [*r, r[2]]),
    "chunks of another size": {"chunk_bytes": 5},
    "sealed chunks of another size": {"chunk_bytes": 5, "encrypt_first": True},
    "chunks for encrypt first": {"file": bytes(65536), "chunk_bytes": 65520},
    "code tables with something behind": {
        "encrypt_first": True,
        "packer": lambda sealed: (b"\0" + sealed[:1], sealed[1:]),
    },
    "empty code tables": {
        "encrypt_first": True,
        "packer": lambda sealed: (b"", b"\0" + sealed),
    },
    "a stream with bits behind": {"file": b"abab", **huffman(4, AB, b"\x1a")},
}


@pytest.mark.parametrize("name", LAX)
@pytest.mark.parametrize("stanzas", [(), (RIGHT,)], ids=["plain", "encrypted"])
def test_what_departs_from_the_page_is_refused(
    name: str, stanzas: Sequence[Stanza], tmp_path: Path
) -> None:
    taken, outcome = both(tmp_path, stanzas=stanzas, **LAX[name])
    assert not taken
    assert isinstance(outcome, framing.Refused), outcome


def test_a_keys_object_is_of_its_kind() -> None:
    """6 has no trailer, 7 has one; what departs from it teaches a receiver nothing."""
    header = (records.HEADER, bytes(80))
    trailer = (records.TRAILER, (3).to_bytes(2, "big") + bytes(60))
    for number, objects, right in (
        (packet.HEADER, [header], True),
        (packet.HEADER, [header, trailer], False),
        (packet.TRAILER, [header], False),
        (packet.TRAILER, [header, trailer], True),
    ):
        ends = Ends()
        ends.absorb(number, b"".join(records.build(*one) for one in objects))
        assert (ends.header is not None) == right, (number, objects)
