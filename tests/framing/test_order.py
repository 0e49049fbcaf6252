"""Encrypt first: chunks are sealed, then packed, with the code tables in the trailer."""

import hashlib

import pytest

import framing
from framing import cipher, fountain, header, packet, records, trailer
from framing.huffman import pack, pack_parts

SIZES = [0, 1, 65519, 65520, 65521, 200_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lock", ["plain", "locked"])
@pytest.mark.parametrize("known", [True, False])
def test_exact(kit, tmp_path, size, lock, known):
    data = (b"the quick brown fox " * 10_000)[:size]
    packets = kit.send(
        data, key=getattr(kit, lock), packet_bytes=1053, known=known, encrypt_first=True
    )
    (received,) = kit.receive(framing.Inbox(tmp_path, kit.unlocked()), packets)
    assert received.path.read_bytes() == data


def test_sealed_data_does_not_shrink_and_readable_data_does(kit):
    data = b"the quick brown fox " * 10_000

    def sealed(lock, encrypt_first):
        return kit.send(data, key=lock, encrypt_first=encrypt_first).plan.sealed_bytes

    small, plain = sealed(kit.locked, False), sealed(kit.plain, True)
    assert small < 0.6 * len(data)
    assert plain < 0.6 * len(data)  # readable, but for a tag of random bytes in each chunk
    assert len(data) < sealed(kit.locked, True) < 1.002 * len(data)


def test_packing_readable_data_costs_the_same_in_both_orders(kit):
    """Up to the tags, the tables' place and what a tag's rare bytes do to the codes."""
    data = bytes(kit.noise(200_000)).translate(bytes(i // 8 for i in range(256)))
    ways = (kit.locked, False), (kit.plain, True)
    sizes = [
        kit.send(data, key=lock, encrypt_first=first).plan.sealed_bytes for lock, first in ways
    ]
    assert 0.62 * len(data) < min(sizes)
    assert max(sizes) < 0.64 * len(data)


def test_a_trailer_full_of_tables_costs_no_more_than_its_share(kit, tmp_path):
    """The copies of the keys between the data become rarer as the trailer grows."""
    data = kit.noise(6_000_000)
    outgoing = kit.send(data, key=kit.clear, packet_bytes=64, repair=0, encrypt_first=True)
    assert outgoing.plan.overhead < 0.30  # 12 to 14 bytes of each packet are its own
    (received,) = kit.receive(framing.Inbox(tmp_path), outgoing)
    assert received.path.read_bytes() == data


@pytest.mark.parametrize("encrypt_first", [True, False])
def test_order_of_chunks_is_still_checked(kit, tmp_path, encrypt_first):
    transfer, suite = b"ABCD", cipher.Unencrypted(b"ABCD")
    chunks, tables = [], []
    sealer = cipher.ChunkSealer(suite)
    size = 65520 if encrypt_first else 65536
    data = kit.noise(3 * size)
    for i in range(3):
        chunk = data[i * size : (i + 1) * size]
        if encrypt_first:
            table, body = pack_parts(sealer.seal(chunk, i == 2))
            tables.append(table)
        else:
            body = sealer.seal(pack(chunk), i == 2)
        chunks.append((records.CHUNK, body))
    raw = header.build_header(suite, b"", header.Metadata("x", encrypt_first=encrypt_first))
    digest = hashlib.sha256(data).digest()
    end = trailer.Trailer(1, 3, len(data), digest, tuple(tables))
    sealed = end.seal(suite, trailer.Part(transfer, raw))

    def outcome(order, folder):
        parts = [(records.HEADER, raw), *(chunks[i] for i in order), (records.TRAILER, sealed)]
        block = b"".join(records.build(kind, body) for kind, body in parts)
        symbol = packet.symbol_bytes(0, 4096)
        k = fountain.source_symbols(len(block), symbol)
        made = fountain.encode(block, symbol, k, 0, 1 << 16)
        packets = [packet.build(transfer, 0, k, esi, data) for esi, data in made]
        (result,) = kit.receive(framing.Inbox(folder), packets)
        return result

    assert isinstance(outcome((0, 1, 2), tmp_path / "good"), framing.Received)
    for order, error in {
        (1, 0, 2): "ReorderedChunkError",
        (0, 0, 1, 2): "ReplayedChunkError",
        (0, 1): "TruncatedError",
    }.items():
        result = outcome(order, tmp_path / error)
        assert result.error == error
