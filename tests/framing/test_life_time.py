"""What is taken once, until when, and from whom."""

import hashlib

import pytest

import framing
from framing import cipher, fountain, header, keys, packet, records
from framing.cipher import Unencrypted
from framing.one_time import OneTimeKey

NOON = 1_800_000_000
OWNER = framing.Identity(bytes(32)).public.ed25519  # of the one-time keys


@pytest.fixture
def ann():
    return framing.Identity(bytes(range(32)))


def only(results):
    (result,) = results
    return result


# -- expiry ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "taken"), [(NOON - 1, True), (NOON, False), (NOON + 9, False)])
def test_expiry(kit, tmp_path, now, taken):
    packets = kit.send(b"x", key=kit.locked, expires=NOON)
    inbox = framing.Inbox(tmp_path, kit.unlocked(), clock=lambda: now)
    result = only(kit.receive(inbox, packets))
    if taken:
        assert result.expires == NOON
    else:
        assert (result.kind, result.error) == ("expired", "ExpiredError")
        assert kit.files(tmp_path) == []


def test_a_transfer_that_expires_while_it_is_received(kit, tmp_path):
    now = [NOON - 1]
    packets = list(kit.send(kit.noise(60_000), key=kit.locked, expires=NOON))
    inbox = framing.Inbox(tmp_path, kit.unlocked(), clock=lambda: now[0])
    assert kit.receive(inbox, packets[:100]) == []
    now[0] = NOON
    assert only(kit.receive(inbox, packets[100:])).kind == "expired"
    assert kit.files(tmp_path) == []


# -- replay memory -----------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["plain", "clear", "locked"])
def test_a_transfer_is_taken_once(kit, tmp_path, lock):
    packets = list(kit.send(b"open the door", key=getattr(kit, lock)))

    def receive(**options):
        inbox = framing.Inbox(tmp_path, kit.unlocked(), clock=lambda: NOON, **options)
        return only(kit.receive(inbox, packets))

    path = receive().path
    repeated = receive()
    assert repeated == framing.Repeated(packets[0][:4].hex(), NOON, path.name, path)
    assert kit.files(tmp_path) == [path]
    path.write_bytes(b"changed")
    assert receive().path is None
    path.unlink()
    assert receive() == framing.Repeated(packets[0][:4].hex(), NOON, path.name, None)
    assert kit.files(tmp_path) == []
    assert receive(again=True).path == path


def test_the_same_file_sent_again_is_another_transfer(kit, tmp_path):
    for _ in range(2):
        inbox = framing.Inbox(tmp_path)
        assert isinstance(only(kit.receive(inbox, kit.send(b"x"))), framing.Received)


def test_a_renamed_copy_is_found_again(kit, tmp_path):
    (tmp_path / "photo.png").write_bytes(b"other")
    packets = list(kit.send(b"x"))
    path = only(kit.receive(framing.Inbox(tmp_path), packets)).path
    assert path.name == "photo (1).png"
    assert only(kit.receive(framing.Inbox(tmp_path), packets)).path == path


def test_a_file_that_was_made_of_the_received_one_is_found(kit, tmp_path):
    """As the program does with packed pictures: the received file goes, another one stays."""
    packets = list(kit.send(b"packed", name="photo.packed"))

    def receive():
        inbox = framing.Inbox(tmp_path, naming=lambda name, media: name.replace("packed", "png"))
        return inbox, only(kit.receive(inbox, packets))

    inbox, received = receive()
    received.path.unlink()
    picture = tmp_path / "photo.png"
    picture.write_bytes(b"unpacked")
    assert receive()[1].path is None  # nobody has said so yet
    inbox.replaced(received, hashlib.sha256(b"unpacked").digest())
    assert (receive()[1].name, receive()[1].path) == ("photo.png", picture)
    picture.write_bytes(b"changed")
    assert receive()[1].path is None


def test_without_the_key_nobody_learns_where_the_file_is(kit, tmp_path):
    packets = list(kit.send(b"x", key=kit.locked))
    kit.receive(framing.Inbox(tmp_path, kit.unlocked()), packets)
    assert only(kit.receive(framing.Inbox(tmp_path), packets)).path is None


def test_the_memory_tells_nothing_and_survives_a_torn_record(kit, tmp_path):
    packets = list(kit.send(b"x" * 40, name="secret plans.txt"))
    kit.receive(framing.Inbox(tmp_path), packets)
    memory = tmp_path / ".dialtone" / "delivered"
    assert memory.stat().st_mode & 0o077 == 0
    assert memory.stat().st_size == 40
    assert b"secret" not in memory.read_bytes()
    with memory.open("ab") as file:
        file.write(b"torn")
    other = list(kit.send(b"y"))
    kit.receive(framing.Inbox(tmp_path), other)
    assert memory.stat().st_size == 80
    for again in (packets, other):
        assert isinstance(only(kit.receive(framing.Inbox(tmp_path), again)), framing.Repeated)


def test_two_processes_share_the_memory(kit, tmp_path):
    packets = list(kit.send(b"x"))
    first, second = framing.Inbox(tmp_path), framing.Inbox(tmp_path)
    assert isinstance(only(kit.receive(first, packets)), framing.Received)
    assert isinstance(only(kit.receive(second, packets)), framing.Repeated)


def test_the_memory_is_bounded(kit, tmp_path, monkeypatch):
    monkeypatch.setattr("framing.replay._RECORDS_MAX", 4)
    transfers = [list(kit.send(b"x", name=f"{i}")) for i in range(6)]
    for packets in transfers:
        kit.receive(framing.Inbox(tmp_path), packets)
    assert (tmp_path / ".dialtone" / "delivered").stat().st_size == 4 * 40
    assert isinstance(only(kit.receive(framing.Inbox(tmp_path), transfers[-1])), framing.Repeated)
    assert isinstance(only(kit.receive(framing.Inbox(tmp_path), transfers[0])), framing.Received)


# -- one-time keys -----------------------------------------------------------------------------


def test_a_one_time_key_is_spent_by_a_whole_reception_only(kit, tmp_path):
    key = OneTimeKey.new()
    spent = []

    def opening():
        return framing.Keys(
            private_keys=lambda: (
                []
                if spent
                else [framing.PrivateKey(key.private, OWNER, spent=lambda: spent.append(1))]
            )
        )

    packets = list(kit.send(kit.noise(60_000), key=framing.Recipient(key.public, OWNER)))
    inbox = framing.Inbox(tmp_path, opening())
    assert kit.receive(inbox, packets[:150]) == []
    assert spent == []
    assert isinstance(only(kit.receive(inbox, packets[150:])), framing.Received)
    assert spent == [1]
    assert isinstance(
        only(kit.receive(framing.Inbox(tmp_path, opening()), packets)), framing.Repeated
    )
    elsewhere = framing.Inbox(tmp_path / "elsewhere", opening())
    assert only(kit.receive(elsewhere, packets)).kind == "key"


def test_a_spent_key_leaves_the_inbox(kit, tmp_path):
    key, spent = OneTimeKey.new(), []
    opening = framing.PrivateKey(key.private, OWNER, spent=lambda: spent.append(1))
    inbox = framing.Inbox(tmp_path, framing.Keys(private_keys=lambda: [opening]))
    kit.receive(inbox, kit.send(b"first", key=framing.Recipient(key.public, OWNER)))
    second = only(kit.receive(inbox, kit.send(b"second", key=framing.Recipient(key.public, OWNER))))
    assert second.kind == "key"
    assert spent == [1]


def test_a_refused_transfer_spends_nothing(kit, tmp_path):
    key, spent = OneTimeKey.new(), []
    opening = framing.PrivateKey(key.private, OWNER, spent=lambda: spent.append(1))
    inbox = framing.Inbox(
        tmp_path, framing.Keys(private_keys=lambda: [opening]), clock=lambda: NOON
    )
    expired = kit.send(b"x", key=framing.Recipient(key.public, OWNER), expires=NOON)
    assert only(kit.receive(inbox, expired)).kind == "expired"
    assert spent == []


# -- signatures --------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["plain", "clear", "locked"])
@pytest.mark.parametrize("known", [True, False])
def test_signed(kit, tmp_path, ann, monkeypatch, lock, known):
    monkeypatch.setattr("framing.transfer.time.time", lambda: NOON + 0.5)
    packets = kit.send(b"x", key=getattr(kit, lock), signer=ann, known=known)
    received = only(kit.receive(framing.Inbox(tmp_path, kit.unlocked()), packets))
    assert (received.signer, received.signed_at) == (ann.public.ed25519, NOON)


def test_not_signed(kit, tmp_path):
    received = only(kit.receive(framing.Inbox(tmp_path), kit.send(b"x")))
    assert (received.signer, received.signed_at) == (None, None)


def objects(packets):
    """The only block of a transfer, as records."""
    parsed = [packet.parse(p) for p in packets]
    symbols = {p.esi: p.symbol for p in parsed}
    k = parsed[0].k
    return parsed[0].transfer, list(records.parse(b"".join(symbols[i] for i in range(k))))


def put(kit, folder, transfer, parts):
    block = b"".join(records.build(kind, body) for kind, body in parts)
    size = packet.symbol_bytes(0, 350)
    k = fountain.source_symbols(len(block), size)
    made = fountain.encode(block, size, k, 0, 1 << 16)
    packets = [packet.build(transfer, 0, k, esi, symbol) for esi, symbol in made]
    return only(kit.receive(framing.Inbox(folder), packets))


def test_a_recipient_cannot_pass_a_signed_transfer_on_as_meant_for_others(kit, tmp_path, ann):
    """Who can open a transfer knows its file key and can write another header; the signature
    then does not fit."""
    outgoing = kit.send(b"I owe you 100", key=kit.clear, signer=ann)
    transfer, parts = objects(outgoing)
    file_key = outgoing.keys.file_key
    suite = cipher.Encrypted(file_key, transfer)
    opened = header.Header.parse(parts[0][1]).unlock(transfer, keys.Keyring(framing.Keys()))
    other = framing.Recipient(ann.public.x25519, ann.public.ed25519).stanza(file_key, transfer)
    clear = framing.ClearKey().stanza(file_key, transfer)
    parts[0] = (records.HEADER, header.build_header(suite, clear + other, opened.metadata))
    refused = put(kit, tmp_path, transfer, parts)
    assert (refused.kind, refused.error) == ("authentication", "ForgedSignatureError")
    assert kit.files(tmp_path) == []


@pytest.mark.parametrize("field", range(3))
def test_a_changed_signature_of_a_plain_transfer(kit, tmp_path, ann, field):
    """Anyone can make the digests of a plain transfer fit; not the signature."""
    transfer, parts = objects(kit.send(b"73 de N0CALL", signer=ann))
    suite = Unencrypted(transfer)
    sealed = parts[-1][1]
    body = bytearray(suite.open(b"trailer", 0, sealed[:2], sealed[2:]))
    body[-104 + (0, 39, 103)[field]] ^= 1  # key, time, signature
    parts[-1] = (records.TRAILER, sealed[:2] + suite.seal(b"trailer", 0, sealed[:2], bytes(body)))
    refused = put(kit, tmp_path, transfer, parts)
    assert (refused.kind, refused.error) == ("authentication", "ForgedSignatureError")


def test_signatures_of_a_key_of_small_order(kit, tmp_path, ann):
    """Of the point (0, 1) R = (0, 1), S = 0 would be a signature of everything."""
    transfer, parts = objects(kit.send(b"73 de N0CALL", signer=ann))
    suite, clear = Unencrypted(transfer), parts[-1][1][:2]
    body = suite.open(b"trailer", 0, clear, parts[-1][1][2:])
    neutral = (1).to_bytes(32, "little")
    forged = body[:-104] + neutral + bytes(8) + neutral + bytes(32)
    parts[-1] = (records.TRAILER, clear + suite.seal(b"trailer", 0, clear, forged))
    assert put(kit, tmp_path, transfer, parts).error == "ForgedSignatureError"


def test_a_signature_of_another_transfer(kit, tmp_path, ann):
    _, signed = objects(kit.send(b"x", signer=ann))
    transfer, parts = objects(kit.send(b"x", signer=framing.Identity.new()))
    suite = Unencrypted(transfer)
    clear = parts[-1][1][:2]
    body = suite.open(b"trailer", 0, clear, parts[-1][1][2:])
    forged = body[:-104] + signed[-1][1][-120:-16]
    parts[-1] = (records.TRAILER, clear + suite.seal(b"trailer", 0, clear, forged))
    assert put(kit, tmp_path, transfer, parts).error == "ForgedSignatureError"
