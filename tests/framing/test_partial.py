"""The beginning of a file that is still arriving: always true, never more than a look."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import framing
from framing import packet, records
from framing.cipher import Unencrypted, aes_gcm_start
from framing.header import PREVIEW_MAX, Metadata, build_header
from framing.packet import parse

from .second.reader import open_transfer

HEADER_TO_CHUNK = 400  # header, prefix and mode: with these locks less than so many bytes


def locks(kit):
    identity = framing.Identity(bytes(range(32)))
    private = framing.PrivateKey(identity.x25519, identity.public.ed25519)
    return {
        "plain": (kit.plain, framing.Keys()),
        "clear": (kit.clear, framing.Keys()),
        "passphrase": (kit.locked, kit.unlocked()),
        "recipient": (
            framing.Recipient(identity.public.x25519, identity.public.ed25519),
            framing.Keys(private_keys=lambda: [private]),
        ),
    }


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_counter_mode_opens_what_gcm_of_another_library_sealed():
    key, nonce, data = bytes(range(32)), bytes(range(100, 112)), os.urandom(1000)
    sealed = AESGCM(key).encrypt(nonce, data, b"more")
    for length in (0, 1, 15, 16, 17, 999, 1000):
        assert aes_gcm_start(key, nonce, sealed[:length]) == data[:length]


@pytest.mark.parametrize("lock", ["plain", "clear", "passphrase", "recipient"])
@pytest.mark.parametrize("known", [True, False])
def test_it_grows_with_every_packet(kit, tmp_path, lock, known):
    key, keys = locks(kit)[lock]
    data = kit.noise(3 * kit.chunk + 777)
    inbox = framing.Inbox(tmp_path, keys)
    sending = kit.send(data, key=key, known=known, media="image/avif", preview=b"blurred")
    shown, got = [], 0
    for made in sending:
        (number, esi) = parse(made)[1::2]
        outcome = inbox.put(made)
        if outcome is not None:
            break
        before = tree(tmp_path)
        partial = inbox.partial(sending.transfer_id)
        assert tree(tmp_path) == before
        if number == 0:
            got += len(parse(made).symbol)
        if partial is None:
            assert esi < 2
            continue
        assert (partial.name, partial.media, partial.preview) == (
            "photo.png",
            "image/avif",
            b"blurred",
        )
        assert partial.size == (len(data) if known else None)
        assert data.startswith(partial.data)
        shown.append(len(partial.data))
        if known:  # elsewhere 3 chunks of 256 cannot be told from packed ones
            assert shown[-1] >= min(len(data), got - HEADER_TO_CHUNK)
    assert isinstance(outcome, framing.Received)
    assert outcome.path.read_bytes() == data
    assert shown == sorted(shown)
    assert shown[-1] > 0.9 * len(data)
    assert inbox.partial(sending.transfer_id) is None


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072])
@pytest.mark.parametrize("lost", [None, 0, 3, 100])
def test_sizes_and_losses(kit, tmp_path, size, lost):
    data = kit.noise(size)
    for known in (True, False):
        inbox = framing.Inbox(tmp_path / str(known), kit.unlocked())
        sending = kit.send(data, key=kit.locked, known=known, packet_bytes=700, repair=0.05)
        for i, made in enumerate(sending):
            if i == lost:
                continue
            outcome = inbox.put(made)
            partial = inbox.partial(sending.transfer_id)
            if partial is not None:
                assert data.startswith(partial.data)
                if lost is not None and outcome is None:
                    assert len(partial.data) <= lost * 700
        if size > 100 or lost != 0:
            assert outcome is None or outcome.path.read_bytes() == data


def test_several_blocks(kit, tmp_path):
    data = kit.noise(2_300_000)
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    sending = kit.send(data, key=kit.locked, packet_bytes=4096)
    packets = [p for p in sending if parse(p).number >= 0]
    blocks = [[p for p in packets if parse(p).number == n] for n in range(3)]
    assert all(blocks)

    def shown():
        return len(inbox.partial(sending.transfer_id).data)

    kit.receive(inbox, blocks[0][:100])
    first = shown()
    assert 380_000 < first < 410_000
    kit.receive(inbox, blocks[2])
    assert shown() == first  # there is a gap before it
    kit.receive(inbox, blocks[0][100:])
    second = shown()
    assert 700_000 < second < 1 << 20
    kit.receive(inbox, blocks[1][:50])
    third = shown()
    assert third > second + 190_000
    again = framing.Inbox(tmp_path, kit.unlocked())  # as after a crash: the spool is enough
    again.put(blocks[1][50])
    partial = again.partial(sending.transfer_id)
    assert data.startswith(partial.data)
    assert len(partial.data) > third
    (received,) = kit.receive(again, blocks[1][51:])
    assert received.path.read_bytes() == data


def test_no_more_than_four_megabytes(kit, tmp_path):
    data = kit.noise(5 << 20)
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    sending = kit.send(data, key=kit.plain, packet_bytes=4096)
    packets = list(sending)
    kit.receive(inbox, packets[:-40])
    partial = inbox.partial(sending.transfer_id)
    assert partial.data == data[: 4 << 20]


def test_packed_chunks_count_when_they_are_whole(kit, tmp_path):
    data = b"all the same and more of it " * 8000
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    sending = kit.send(data, key=kit.locked)
    lengths = set()
    for made in sending:
        if inbox.put(made) is None and (partial := inbox.partial(sending.transfer_id)):
            assert data.startswith(partial.data)
            lengths.add(len(partial.data))
    assert lengths == {0, 65536, 131072, 196608}


def test_encrypted_first_shows_the_preview_only(kit, tmp_path):
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    data = kit.noise(100_000)
    sending = kit.send(data, key=kit.locked, encrypt_first=True, preview=b"p")
    packets = list(sending)
    kit.receive(inbox, packets[:200])
    partial = inbox.partial(sending.transfer_id)
    assert (partial.preview, partial.data) == (b"p", b"")
    (received,) = kit.receive(inbox, packets[200:])
    assert received.path.read_bytes() == data


def test_only_with_the_key(kit, tmp_path):
    data = kit.noise(30_000)
    sending = kit.send(data, key=kit.locked)
    packets = list(sending)
    for keys in (framing.Keys(), kit.unlocked(b"another")):
        inbox = framing.Inbox(tmp_path, keys)
        kit.receive(inbox, packets[:50])
        assert inbox.partial(sending.transfer_id) is None
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    inbox.resume()
    kit.receive(inbox, packets[50:51])
    assert data.startswith(inbox.partial(sending.transfer_id).data)
    for wrong in ("", "00000000", "zz", sending.transfer_id.upper() + "0"):
        assert inbox.partial(wrong) is None


def test_not_beyond_its_end_of_life(kit, tmp_path):
    now = [1000.0]
    inbox = framing.Inbox(tmp_path, clock=lambda: now[0])
    sending = kit.send(kit.noise(30_000), expires=2000)
    kit.receive(inbox, list(sending)[:50])
    assert inbox.partial(sending.transfer_id) is not None
    now[0] = 2000.0
    assert inbox.partial(sending.transfer_id) is None


@pytest.mark.parametrize("lock", ["plain", "passphrase"])
def test_forged_symbols_show_at_most_what_never_arrives(kit, tmp_path, lock):
    key, keys = locks(kit)[lock]
    data = kit.noise(kit.chunk + 20_000)
    sending = kit.send(data, key=key, repair=0)
    packets = list(sending)
    for place in (0, 1, 20, len(packets) - 30):
        parsed = parse(packets[place])
        symbol = bytes([parsed.symbol[0] ^ 1]) + parsed.symbol[1:]
        forged = packet.build(parsed.transfer, parsed.number, parsed.k, parsed.esi, symbol)
        inbox = framing.Inbox(tmp_path / str(place), keys)
        kit.receive(inbox, [*packets[:place], forged, *packets[place + 1 : -4]])
        partial = inbox.partial(sending.transfer_id)
        if place == 0:
            assert partial is None
        else:
            true = next(
                (i for i, (a, b) in enumerate(zip(partial.data, data, strict=False)) if a != b),
                len(partial.data),
            )
            assert true >= min(len(partial.data), place * len(symbol) - HEADER_TO_CHUNK)
        outcomes = kit.receive(inbox, packets[-4:])
        assert not [each for each in outcomes if isinstance(each, framing.Received)]
        assert not [p for p in (tmp_path / str(place)).glob("*") if p.name != ".dialtone"]


def test_a_tampered_chunk_that_is_whole_is_not_shown(kit, tmp_path):
    data = kit.noise(2 * kit.chunk + 20_000)
    sending = kit.send(data, key=kit.locked, repair=0)
    packets = list(sending)
    parsed = parse(packets[20])
    symbol = bytes([parsed.symbol[0] ^ 1]) + parsed.symbol[1:]
    packets[20] = packet.build(parsed.transfer, parsed.number, parsed.k, parsed.esi, symbol)
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    kit.receive(inbox, packets[:-20])
    assert inbox.partial(sending.transfer_id).data == b""


def test_the_data_of_another_header_is_not_shown(kit, tmp_path):
    """Somebody sends a header of their own under the same id, as a keys object."""
    sending = kit.send(kit.noise(30_000))
    parsed = [parse(p) for p in sending]
    header = build_header(Unencrypted(parsed[0].transfer), b"", Metadata("else"))
    record = records.build(records.HEADER, header).ljust(350 - 12, b"\0")
    inbox = framing.Inbox(tmp_path)
    inbox.put(packet.build(parsed[0].transfer, packet.HEADER, 1, 0, record))
    for p in parsed[:20]:
        inbox.put(packet.build(*p))
    partial = inbox.partial(sending.transfer_id)
    assert (partial.name, partial.data) == ("else", b"")


def test_spool_faults_and_lost_files_give_less(kit, tmp_path):
    inbox = framing.Inbox(tmp_path)
    sending = kit.send(kit.noise(1_500_000), packet_bytes=4096)
    packets = list(sending)
    kit.receive(inbox, packets[:300])
    (block,) = (tmp_path / ".dialtone").glob("*/*.block")
    content = block.read_bytes()
    block.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert inbox.partial(sending.transfer_id).data == b""
    assert block.exists()
    block.write_bytes(content)
    (log,) = (tmp_path / ".dialtone").glob("*/*.packets")
    before = len(inbox.partial(sending.transfer_id).data)
    log.write_bytes(log.read_bytes()[:4096])
    assert 700_000 < len(inbox.partial(sending.transfer_id).data) < before


def test_the_preview_never_costs_the_header_its_one_packet(kit, tmp_path):
    data = kit.noise(5000)
    preview = kit.noise(40)
    for packet_bytes in range(128, 400, 8):
        counts = []
        for each in (b"", preview):
            inbox = framing.Inbox(tmp_path / f"{packet_bytes}{len(each)}", kit.unlocked())
            sending = kit.send(data, key=kit.locked, packet_bytes=packet_bytes, preview=each)
            counts.append(0)
            while not (partial := inbox.partial(sending.transfer_id)):
                inbox.put(next(sending))
                counts[-1] += 1
        if counts[0] == 1:
            assert counts[1] == 1
            assert partial.preview in (b"", preview)
        else:
            assert partial.preview == preview
    assert partial.preview == preview


def test_the_second_reader_finds_the_preview(kit):
    data = kit.noise(3000)
    for key in (kit.plain, kit.clear):
        for length in (0, 1, 32, 255):
            preview = kit.noise(length)
            sending = kit.send(data, key=key, preview=preview, packet_bytes=1053)
            read = open_transfer(list(sending))
            assert (read.file, read.header.preview) == (data, preview)


def test_a_longer_preview_counts_as_left_out():
    for length in (1, 255, 256, 1000):
        written = records.field(4, bytes(length))
        assert len(Metadata.from_bytes(written).preview) == (length if length <= 255 else 0)


def test_a_preview_that_is_too_long(kit):
    with pytest.raises(ValueError, match="255"):
        kit.send(b"", preview=bytes(PREVIEW_MAX + 1))


def test_no_repr_holds_what_was_encrypted(kit, tmp_path):
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    sending = kit.send(b"secret" * 50 + kit.noise(9000), key=kit.locked, preview=b"hidden")
    kit.receive(inbox, list(sending)[:10])
    partial = inbox.partial(sending.transfer_id)
    assert partial.data.startswith(b"secret")
    assert "secret" not in repr(partial)
    assert "hidden" not in repr(partial)
