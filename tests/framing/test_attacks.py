"""What somebody without a key can do with packets of his own, and what several processes do to
one another: no foreign bytes, no lost transfer, nothing taken twice."""

import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest

import framing
from framing import cipher, fountain, header, packet, records, replay, trailer
from framing.delivery import write_file

PACKET_BYTES = 350
NOON = 1_800_000_000


def block_of(packets, number=0):
    """(transfer id, the object) from its source symbols."""
    parsed = [p for p in map(packet.parse, packets) if p.number == number]
    symbols = {p.esi: p.symbol for p in parsed}
    return parsed[0].transfer, b"".join(symbols[i] for i in range(parsed[0].k))


def packets_of(transfer, data, number=0, packet_bytes=PACKET_BYTES):
    size = packet.symbol_bytes(number, packet_bytes)
    k = fountain.source_symbols(len(data), size)
    made = fountain.encode(data, size, k, 0, 1 << 16)
    return [packet.build(transfer, number, k, esi, symbol) for esi, symbol in made]


def joined(*parts):
    return b"".join(records.build(kind, body) for kind, body in parts)


def plain_header(transfer, **metadata):
    suite = cipher.Unencrypted(transfer)
    return header.build_header(suite, b"", header.Metadata("forged", **metadata))


@pytest.fixture
def genuine(kit):
    data = kit.noise(20_000)
    return data, list(kit.send(data, key=kit.clear))


def forgeries(transfer):
    """Packets that anybody can make; each once ended or jammed the transfer."""
    garbage = joined((records.HEADER, b"\2\1"))
    expired = joined((records.HEADER, plain_header(transfer, expires=1)))
    locked = cipher.Encrypted(bytes(24), transfer)
    stanza = records.field(1, b"\1" * 24)
    clear = joined((records.HEADER, header.build_header(locked, stanza, header.Metadata("x"))))
    few = (1).to_bytes(2, "big") + bytes(80)
    short = joined((records.HEADER, plain_header(transfer)), (records.TRAILER, few))
    return {
        "header that makes no sense": packets_of(transfer, garbage, packet.HEADER),
        "plain header that expired": packets_of(transfer, expired, packet.HEADER),
        "header of another key": packets_of(transfer, clear, packet.HEADER),
        "trailer of fewer blocks": packets_of(transfer, short, packet.TRAILER),
        "block that is none of it": packets_of(transfer, bytes(10), 3),
        "blocks that are none of it": packets_of(transfer, bytes(10), 500),
    }


@pytest.mark.parametrize("name", forgeries(b"ABCD"))
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_forged_packet_does_not_end_a_transfer(kit, tmp_path, name, blocks):
    data = kit.noise(20_000 if blocks == 1 else 2_500_000)
    packets = list(kit.send(data, key=kit.clear, packet_bytes=PACKET_BYTES))
    forged = forgeries(packets[0][:4])[name]
    middle = len(packets) // 2
    for order in (forged + packets, packets[:middle] + forged + packets[middle:]):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        outcomes = kit.receive(framing.Inbox(folder), order)
        received = [each for each in outcomes if isinstance(each, framing.Received)]
        assert [each.path.read_bytes() for each in received] == [data], outcomes
        assert framing.Inbox(folder).resume() == []


def test_a_spoiled_transfer_is_taken_from_the_next_pass(kit, tmp_path, genuine):
    data, packets = genuine
    spoil = packets_of(packets[0][:4], joined((records.HEADER, b"\2\1")))  # block 0, k = 1
    inbox = framing.Inbox(tmp_path)
    first, second = kit.receive(inbox, spoil + packets + packets)
    assert (first.kind, second.path.read_bytes()) == ("damaged", data)
    inbox.close()
    assert kit.files(tmp_path) == [second.path]


# -- replay memory -----------------------------------------------------------------------------


def test_a_fake_behind_the_genuine_header_does_not_hide_the_signed_file(kit, tmp_path):
    ann = framing.Identity(bytes(range(32)))
    packets = list(kit.send(b"genuine", signer=ann))
    transfer, block = block_of(packets)
    (_, head), *_ = records.parse(block)
    suite = cipher.Unencrypted(transfer)
    chunk = cipher.ChunkSealer(suite).seal(b"\0fakes!!", True)
    digest = hashlib.sha256(b"fakes!!").digest()
    end = trailer.Trailer(1, 1, 7, digest).seal(suite, trailer.Part(transfer, head))
    fake = joined((records.HEADER, head), (records.CHUNK, chunk), (records.TRAILER, end))
    (first,) = kit.receive(framing.Inbox(tmp_path), packets_of(transfer, fake))
    assert (first.path.read_bytes(), first.signer) == (b"fakes!!", None)
    (second,) = kit.receive(framing.Inbox(tmp_path), packets)
    assert (second.path.read_bytes(), second.signer) == (b"genuine", ann.public.ed25519)
    (third,) = kit.receive(framing.Inbox(tmp_path), packets)
    assert isinstance(third, framing.Repeated)
    assert third.path == second.path


def test_an_old_header_under_a_new_id_hides_nothing(kit, tmp_path, genuine):
    data, packets = genuine
    old = list(kit.send(b"old", key=kit.clear))
    kit.receive(framing.Inbox(tmp_path), old)
    (_, head), *_ = records.parse(block_of(old)[1])
    copied = packets_of(packets[0][:4], joined((records.HEADER, head)), packet.HEADER)
    (received,) = kit.receive(framing.Inbox(tmp_path), copied + packets)
    assert received.path.read_bytes() == data


def test_other_packet_sizes_of_the_same_transfer_are_the_same_transfer(kit, tmp_path, genuine):
    _, packets = genuine
    transfer, block = block_of(packets)
    other = packets_of(transfer, block, packet_bytes=512)
    inbox = framing.Inbox(tmp_path)
    assert kit.receive(inbox, other[:-1]) == []
    (received,) = kit.receive(inbox, packets)
    received.path.unlink()
    (repeated,) = kit.receive(inbox, other[-1:])
    assert isinstance(repeated, framing.Repeated)
    assert kit.files(tmp_path) == []


def test_two_open_inboxes_take_a_transfer_once(kit, tmp_path, genuine):
    _, packets = genuine
    inboxes = [framing.Inbox(tmp_path, spool=tmp_path / ".dialtone") for _ in range(2)]
    last = len(packets) - 1
    outcomes = []
    for i, each in enumerate(packets):
        for inbox in inboxes if i < last - 30 else inboxes[::-1]:
            outcomes.append(inbox.put(each))
    kinds = [type(outcome).__name__ for outcome in outcomes if outcome]
    assert kinds.count("Received") == 1
    assert len(list(tmp_path.glob("*.png"))) == 1


# -- several processes -------------------------------------------------------------------------


def receive_all(folder, packets, barrier, results):
    try:
        with framing.Inbox(Path(folder)) as inbox:
            barrier.wait()
            outcomes = [result for p in packets if (result := inbox.put(p))]
        results.put([type(outcome).__name__ for outcome in outcomes])
    except framing.errors.FramingError as error:
        results.put([repr(error)])


def test_processes_that_hear_the_same_transfer(kit, tmp_path, genuine):
    data, packets = genuine
    spawn = multiprocessing.get_context("fork")
    for turn in range(5):
        folder = tmp_path / str(turn)
        barrier, results = spawn.Barrier(2), spawn.Queue()
        arguments = (str(folder), packets, barrier, results)
        both = [spawn.Process(target=receive_all, args=arguments) for _ in range(2)]
        for process in both:
            process.start()
        said = [results.get(timeout=60) for _ in both]
        for process in both:
            process.join()
        kinds = sorted(kind for each in said for kind in each)
        assert set(kinds) <= {"Received", "Repeated"}, kinds
        assert kinds.count("Received") == 1
        assert [p.read_bytes() for p in folder.glob("*.png")] == [data]


def test_the_file_that_is_named_is_the_one_that_was_verified(tmp_path):
    """Another delivery of the same id, in the middle of this one."""
    mine, other = b"mine" * 1000, b"other" * 1000

    def chunks():
        yield mine[:100]
        write_file(tmp_path, ".dialtone-00", "a", iter([other]), hashlib.sha256(other).digest())
        yield mine[100:]

    try:
        path = write_file(tmp_path, ".dialtone-00", "b", chunks(), hashlib.sha256(mine).digest())
    except framing.errors.StorageError:
        assert not (tmp_path / "b").exists()
    else:
        assert path.read_bytes() == mine
    assert (tmp_path / "a").read_bytes() == other
    assert not list(tmp_path.glob(".dialtone*"))


# -- folders of others -------------------------------------------------------------------------


def test_the_spool_is_no_link(kit, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".dialtone").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(framing.errors.StorageError, match="not a folder of this user"):
        framing.Inbox(tmp_path)


def test_a_spool_that_others_can_read_is_closed_to_them(kit, tmp_path):
    (tmp_path / ".dialtone").mkdir()
    (tmp_path / ".dialtone").chmod(0o777)
    framing.Inbox(tmp_path)
    assert (tmp_path / ".dialtone").stat().st_mode & 0o077 == 0


def test_the_memory_is_no_link(kit, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"x" * 53)
    spool = tmp_path / ".dialtone"
    spool.mkdir(mode=0o700)
    (spool / "delivered").symlink_to(victim)
    with pytest.raises(framing.errors.StorageError):
        kit.receive(framing.Inbox(tmp_path), kit.send(b"x"))
    assert victim.read_bytes() == b"x" * 53


def test_what_is_not_verified_is_nobodys_business(tmp_path):
    modes = []

    def chunks():
        modes.extend(p.stat().st_mode & 0o777 for p in tmp_path.glob(".dialtone*"))
        yield b"x"

    path = write_file(tmp_path, ".dialtone-00", "x", chunks(), hashlib.sha256(b"x").digest())
    assert modes == [0o600]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


# -- keys that fail ----------------------------------------------------------------------------


def test_a_one_time_key_is_erased_before_the_transfer_is_remembered(kit, tmp_path, monkeypatch):
    """Otherwise a crash in between would leave it for good."""
    order = []
    owner = framing.Identity(bytes(range(32)))
    key = framing.PrivateKey(
        owner.x25519, owner.public.ed25519, spent=lambda: order.append("erased")
    )
    add = replay.Memory.add
    monkeypatch.setattr(
        replay.Memory, "add", lambda *every: order.append("remembered") or add(*every)
    )
    inbox = framing.Inbox(tmp_path, framing.Keys(private_keys=lambda: [key]))
    kit.receive(
        inbox, kit.send(b"x", key=framing.Recipient(owner.public.x25519, owner.public.ed25519))
    )
    assert order == ["erased", "remembered"]


def test_a_key_that_cannot_be_erased_is_tried_again(kit, tmp_path):
    failing = [OSError(5, "broken"), None]

    def spent():
        if error := failing.pop(0):
            raise error

    owner = framing.Identity(bytes(range(32)))
    keys = framing.Keys(
        private_keys=lambda: [framing.PrivateKey(owner.x25519, owner.public.ed25519, spent=spent)]
    )
    packets = list(kit.send(b"x", key=framing.Recipient(owner.public.x25519, owner.public.ed25519)))
    inbox = framing.Inbox(tmp_path, keys)
    with pytest.raises(framing.errors.StorageError, match="one-time key"):
        kit.receive(inbox, packets)
    (received,) = inbox.resume()
    assert received.path.read_bytes() == b"x"
    assert len(kit.files(tmp_path)) == 1


def test_private_keys_are_asked_for_once_even_if_that_fails(kit, tmp_path):
    asked = []

    def provide():
        asked.append(1)
        raise framing.errors.WrongPassphraseError

    owner = framing.Identity(bytes(range(32)))
    packets = list(kit.send(b"x", key=framing.Recipient(owner.public.x25519, owner.public.ed25519)))
    inbox = framing.Inbox(tmp_path, framing.Keys(private_keys=provide))
    with pytest.raises(framing.errors.WrongPassphraseError):
        inbox.put(packets[0])
    assert all(refused.kind == "key" for refused in kit.receive(inbox, packets[1:]))
    assert asked == [1]
