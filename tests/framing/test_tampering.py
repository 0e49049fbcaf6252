"""Changed, cut, reordered and invented transfers: a named refusal, never a file."""

import importlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framing
from framing import fountain, header, keys, locks, packet, records, trailer
from framing.cipher import Encrypted

PACKET_BYTES = 1053
TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def recorded(kit):
    """(transfer id, records of the only block) of a file of three chunks and a half."""
    packets = [
        packet.parse(p)
        for p in kit.send(kit.noise(230_000), packet_bytes=PACKET_BYTES, key=kit.clear)
    ]
    return packets[0].transfer, list(records.parse(block_of(packets)))


def block_of(packets, number=0):
    symbols = {p.esi: p.symbol for p in packets if p.number == number}
    k = next(p.k for p in packets if p.number == number)
    return b"".join(symbols[esi] for esi in range(k))


def packets_of(transfer, block, number=0, packet_bytes=PACKET_BYTES):
    size = packet.symbol_bytes(number, packet_bytes)
    k = fountain.source_symbols(len(block), size)
    made = fountain.encode(block, size, k, 0, 1 << 16)
    return [packet.build(transfer, number, k, esi, symbol) for esi, symbol in made]


def joined(parts):
    return b"".join(records.build(kind, body) for kind, body in parts)


def outcome(kit, folder, transfer, block, keys=None):
    """What the inbox says to this block; no file unless Received."""
    inbox = framing.Inbox(folder, keys)
    results = kit.receive(inbox, packets_of(transfer, block))
    assert len(results) <= 1
    if not (results and isinstance(results[0], framing.Received)):
        assert [p for p in folder.glob("*") if p.name != ".dialtone"] == []
    return results[0] if results else None


def test_untouched(kit, tmp_path, recorded):
    transfer, parts = recorded
    assert [kind for kind, _ in parts] == [1, 3, 3, 3, 3, 2]
    assert isinstance(outcome(kit, tmp_path, transfer, joined(parts)), framing.Received)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ((0, 2, 1, 3, 4, 5), "ReorderedChunkError"),
        ((0, 1, 2, 4, 3, 5), "ReorderedChunkError"),
        ((0, 4, 2, 3, 1, 5), "ReorderedChunkError"),
        ((0, 1, 2, 4, 5), "ReorderedChunkError"),
        ((0, 2, 3, 4, 5), "ReorderedChunkError"),
        ((0, 1, 1, 2, 3, 4, 5), "ReplayedChunkError"),
        ((0, 1, 2, 3, 4, 4, 5), "ReplayedChunkError"),
        ((0, 1, 2, 3, 4, 1, 5), "ReplayedChunkError"),
        ((0, 1, 2, 3, 5), "TruncatedError"),
        ((0, 5), "TruncatedError"),
    ],
)
def test_order_of_chunks(kit, tmp_path, recorded, order, error):
    transfer, parts = recorded
    refused = outcome(kit, tmp_path, transfer, joined([parts[i] for i in order]))
    assert refused.error == error
    assert kit.files(tmp_path) == []


def test_chunk_of_another_transfer(kit, tmp_path, recorded):
    transfer, parts = recorded
    other = [
        packet.parse(p)
        for p in kit.send(kit.noise(230_000), packet_bytes=PACKET_BYTES, key=kit.clear)
    ]
    parts[2] = list(records.parse(block_of(other)))[2]
    assert outcome(kit, tmp_path, transfer, joined(parts)).error == "ForeignChunkError"


def test_another_transfer_id(kit, tmp_path, recorded):
    _, parts = recorded
    assert outcome(kit, tmp_path, b"ABCD", joined(parts)).error == "ForgedHeaderError"


def test_trailer_of_another_transfer(kit, tmp_path, recorded):
    transfer, parts = recorded
    other = [packet.parse(p) for p in kit.send(b"short", packet_bytes=PACKET_BYTES, key=kit.clear)]
    parts[-1] = list(records.parse(block_of(other)))[-1]
    assert outcome(kit, tmp_path, transfer, joined(parts)).error == "ForgedTrailerError"


def test_trailer_with_another_digest(kit, tmp_path, recorded):
    """Only the owner of the key can do this; the digest is still checked."""
    transfer, parts = recorded
    opened = header.Header.parse(parts[0][1]).unlock(transfer, keys.Keyring(framing.Keys()))
    part = trailer.Part(transfer, parts[0][1])
    true = trailer.Trailer.open(parts[-1][1], opened.suite, part)
    for other, error in (
        (trailer.Trailer(1, true.chunks, true.length, bytes(32)), "DigestError"),
        (trailer.Trailer(1, true.chunks, true.length + 1, true.sha256), "MalformedError"),
    ):
        parts[-1] = (records.TRAILER, other.seal(opened.suite, part))
        assert outcome(kit, tmp_path, transfer, joined(parts)).error == error


@pytest.mark.parametrize("key", ["locked", "clear", "plain"])
def test_every_flipped_bit_of_a_small_transfer(kit, tmp_path, key, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)  # thousands of transfers
    data = b"The quick brown fox"
    packets = [
        packet.parse(p) for p in kit.send(data, key=getattr(kit, key), packet_bytes=PACKET_BYTES)
    ]
    block = block_of(packets).rstrip(b"\0")
    kinds = set()
    for bit in range(8 * len(block)):
        broken = bytearray(block)
        broken[bit >> 3] ^= 1 << (bit & 7)
        folder = tmp_path / str(bit)
        folder.mkdir()
        if bit % 8 != (bit >> 3) % 8 and key == "locked":  # a scrypt each
            continue
        result = outcome(kit, folder, packets[0].transfer, bytes(broken), kit.unlocked())
        assert not isinstance(result, framing.Received), bit
        kinds.add(result.kind if result else None)
    assert {"authentication", "damaged"} <= kinds


def test_every_truncation_of_a_small_transfer(kit, tmp_path):
    packets = [
        packet.parse(p) for p in kit.send(b"The quick", key=kit.clear, packet_bytes=PACKET_BYTES)
    ]
    block = block_of(packets).rstrip(b"\0")
    for length in range(1, len(block)):
        folder = tmp_path / str(length)
        folder.mkdir()
        result = outcome(kit, folder, packets[0].transfer, block[:length])
        assert not isinstance(result, framing.Received)


# -- the same as tools/tampering.py, which does all of it ---------------------------------------

WAYS = [
    (lock, signed, first)
    for lock in ("plain", "clear key", "passphrase", "recipient")
    for signed in (False, True)
    for first in (False, True)
]
ALL = {"packets swapped, repeated", "chunks swapped", "chunk repeated", "records left out",
       "parts of another transfer", "blocks exchanged, left out"}  # fmt: skip
SAMPLED = 12


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("tampering")


def verdicts(tool, check, material, numbers):
    """Raises BreachError where a case comes to anything else than the file or a named refusal."""
    with tool.hurried():
        return list(check.run(material, numbers))


@pytest.mark.parametrize("way", WAYS[::3], ids=str)
def test_damage_of_a_mixed_file(tool, way):
    """Every swap, repeat, exchange; some of everything else."""
    material = tool.prepare(tool.WAYS[WAYS.index(way)])
    rng = random.Random(str(way))
    for check in tool.CHECKS:
        count = check.count(material)
        numbers = range(count)
        if check.name not in ALL or count > 200:
            numbers = sorted(rng.sample(numbers, min(count, SAMPLED)))
        assert len(verdicts(tool, check, material, numbers)) == len(numbers)


@pytest.mark.parametrize("way", WAYS[::4], ids=str)
def test_every_bit_of_header_and_trailer(tool, way):
    """Of a short file, whose reception takes a millisecond."""
    material = tool.prepare(tool.WAYS[WAYS.index(way)], 40, 1053)
    for name in ("bit of the key header", "bit of the key trailer"):
        (check,) = (check for check in tool.CHECKS if check.name == name)
        said = verdicts(tool, check, material, range(check.count(material)))
        assert tool.EXACT not in said


# -- headers -----------------------------------------------------------------------------------


def header_with(stanzas, version=2, suite=1):
    made = header.build_header(Encrypted(bytes(24), b"ABCD"), stanzas, header.Metadata("x"))
    return bytes([version, suite]) + made[2:]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (header_with(records.field(2, bytes(16) + b"\x18\3" + bytes(24))), "CostlyKeyError"),
        (header_with(records.field(2, bytes(16) + b"\x10\3" + bytes(24))), "CostlyKeyError"),
        (header_with(records.field(2, bytes(16) + b"\x0a\1" + bytes(24)) * 5), "CostlyKeyError"),
        (header_with(records.field(2, bytes(16) + b"\x0a\1" + bytes(24))), "WrongKeyError"),
        (header_with(records.field(2, bytes(16) + b"\x0a\1" + bytes(23))), "UnknownLockError"),
        (header_with(records.field(2, bytes(16) + b"\0\1" + bytes(24))), "UnknownLockError"),
        (header_with(records.field(2, bytes(16) + b"\x0a\x0d" + bytes(24))), "CostlyKeyError"),
        (header_with(records.field(2, bytes(16) + b"\x0a\0" + bytes(24))), "UnknownLockError"),
        (header_with(records.field(77, b"future")), "UnknownLockError"),
        (
            header_with(records.field(77, b"future") + records.field(1, bytes(23))),
            "UnknownLockError",
        ),
        (header_with(records.field(1, b"\1" * 24)), "ForgedHeaderError"),
        (header_with(b""), "UnknownLockError"),
        (header_with(b"\1\0"), "MalformedError"),
        (header_with(records.field(1, bytes(24)), version=3), "VersionError"),
        (header_with(records.field(1, bytes(24)), suite=9), "VersionError"),
        (b"\2", "MalformedError"),
        (b"\2\1\xff\xff" + bytes(60), "MalformedError"),
    ],
)
def test_headers_that_open_nothing(kit, tmp_path, raw, error):
    result = outcome(
        kit, tmp_path, b"ABCD", records.build(1, raw), framing.Keys(passphrases=(b"guess",))
    )
    assert result.error == error


def test_unknown_stanzas_beside_a_known_one_are_skipped(kit, tmp_path, monkeypatch):
    known = locks.ClearKey.stanza
    monkeypatch.setattr(
        locks.ClearKey, "stanza", lambda *all: records.field(99, bytes(50)) + known(*all)
    )
    (received,) = kit.receive(framing.Inbox(tmp_path), kit.send(b"x", key=kit.clear))
    assert received.protection == "clear key"


@pytest.mark.parametrize(("tag", "accepted"), [(0x7F, True), (0x80, False)])
def test_unknown_metadata(kit, tmp_path, monkeypatch, tag, accepted):
    known = header.Metadata.to_bytes
    monkeypatch.setattr(
        header.Metadata, "to_bytes", lambda self: known(self) + records.field(tag, b"?")
    )
    (result,) = kit.receive(framing.Inbox(tmp_path), kit.send(b"x", key=kit.clear))
    assert isinstance(result, framing.Received) is accepted
    assert accepted or result.kind == "version"


# -- anything ----------------------------------------------------------------------------------

SYMBOLS = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda parts: b"".join(records.build(kind, body) for kind, body in parts),
        st.lists(st.tuples(st.integers(0, 15), st.binary(min_size=1, max_size=150)), max_size=4),
    ),
    st.builds(
        lambda head, tail: records.build(1, b"\2" + head + tail),
        st.binary(max_size=4),
        st.binary(max_size=80),
    ),
)
PACKETS = st.lists(
    st.tuples(
        st.sampled_from([packet.HEADER, packet.TRAILER, 0, 1, 5, 6, 32767]),
        st.one_of(st.integers(1, 3), st.integers(1, 4095)),
        st.integers(0, 65535),
        SYMBOLS,
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(PACKETS)
def test_invented_packets_make_no_file(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("in")
    inbox = framing.Inbox(folder, framing.Keys(passphrases=(b"guess",)))
    for number, k, esi, symbol in made:
        size = packet.symbol_bytes(number, 256)
        inbox.put(packet.build(b"ABCD", number, k, esi, symbol[:size].ljust(size, b"\0")))
    inbox.pending()
    again = framing.Inbox(folder)
    again.pending()
    again.resume()
    assert [p for p in folder.glob("*") if p.name != ".dialtone"] == []


def test_objects_beyond_the_memory_bound_are_foreign(tmp_path):
    inbox = framing.Inbox(tmp_path)
    inbox.put(packet.build(b"ABCD", 6, 16383, 0, bytes(4096 - 14)))
    assert inbox.foreign == 1
