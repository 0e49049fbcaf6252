"""Who can open a transfer: every kind of lock, its size, and what is said without the key."""

import contextlib
import hashlib
import time

import pytest
from Crypto.PublicKey import ECC, RSA

import framing
from framing import header, keys, locks, records, shares, stanzas
from framing.cipher import Encrypted
from framing.errors import KeyTextError, WrongPassphraseError
from framing.identity import x25519_public

SEED = bytes(range(32))
TRANSFER = b"ABCD"


@pytest.fixture(scope="module")
def rsa():
    return RSA.generate(2048)


@pytest.fixture
def ann():
    return framing.Identity(SEED)


@pytest.fixture
def board():
    """(identity, its shares, its public key)."""
    identity = framing.Identity(bytes(32))
    parts = shares.split(identity.seed, 3, 5)
    return identity, parts, shares.split_key(identity, parts)


def private(*found):
    return framing.Keys(private_keys=lambda: [framing.PrivateKey(*key) for key in found])


def to(identity):
    return framing.Recipient(identity.public.x25519, identity.public.ed25519)


def of(identity):
    return identity.x25519, identity.public.ed25519


def receive(kit, folder, packets, opening=None):
    (result,) = kit.receive(framing.Inbox(folder, opening), packets)
    return result


def test_recipient(kit, tmp_path, ann):
    packets = list(kit.send(b"hello", key=to(ann)))
    other = framing.Identity.new()
    for opening, error in (
        (framing.Keys(), "MissingKeyError"),
        (private(of(other)), "WrongKeyError"),
        (private((*of(ann), bytes(16))), "MissingKeyError"),
    ):
        refused = receive(kit, tmp_path, packets, opening)
        assert (refused.kind, refused.error) == ("key", error)
        assert "identities of its recipients" in refused.reason
    received = receive(kit, tmp_path, packets, private(of(other), of(ann)))
    assert received.path.read_bytes() == b"hello"
    assert received.protection == "encrypted"


def test_a_key_put_together_from_two_people_opens_for_neither(kit, tmp_path, ann):
    """Eve shows Bob's X25519 key and her own signing key as hers: what is sent to her, signed
    even, must not open for Bob as if it had been meant for him; nor with one-time keys of his."""
    bob, eve = framing.Identity(bytes(32)), framing.Identity.new()
    once, eves = framing.Identity.new().x25519, eve.public.ed25519
    for number, private_key in enumerate((bob.x25519, once)):
        mixed = framing.Recipient(x25519_public(private_key), eves)
        packets = list(kit.send(b"you are fired", key=mixed, signer=ann))
        for owner in (bob.public.ed25519, None, ann.public.ed25519):
            opening = private((private_key, owner), of(eve))
            refused = receive(kit, tmp_path / f"no{number}", packets, opening)
            assert (refused.kind, refused.error) == ("key", "WrongKeyError")
        taken = receive(kit, tmp_path / str(number), packets, private((private_key, eves)))
        assert taken.signer == ann.public.ed25519


def test_a_key_without_a_signing_key_opens_nothing_sent_to_people(kit, tmp_path, ann):
    packets = list(kit.send(b"hello", key=to(ann)))
    assert receive(kit, tmp_path, packets, private((ann.x25519,))).error == "MissingKeyError"


@pytest.mark.parametrize("key", [(bytes(32), b""), (bytes(31), bytes(32)), (bytes(32), bytes(33))])
def test_what_is_no_recipient(key):
    with pytest.raises(ValueError, match="two keys of 32 bytes"):
        framing.Recipient(*key)


def test_rsa(kit, tmp_path, rsa):
    key = framing.RsaRecipient(rsa.public_key().export_key())
    packets = list(kit.send(b"hello", key=key))
    assert receive(kit, tmp_path, packets).error == "MissingKeyError"
    other = RSA.generate(2048)
    assert receive(kit, tmp_path, packets, framing.Keys(rsa=[other])).error == "WrongKeyError"
    opening = framing.Keys(rsa=[other, keys.rsa_private_key(rsa.export_key())])
    assert receive(kit, tmp_path, packets, opening).path.read_bytes() == b"hello"


def test_shares(kit, tmp_path, ann, board):
    identity, parts, public = board
    packets = list(kit.send(b"hello", key=framing.SharesRecipient(public)))
    for opening in (framing.Keys(), private(of(ann)), private((identity.x25519, None, bytes(16)))):
        assert "for 3 of the 5 shares" in receive(kit, tmp_path, packets, opening).reason
    refused = receive(kit, tmp_path / "identity", packets, private(of(identity)))
    assert refused.kind == "key"  # anybody can make up shares of somebody else's key
    joined = shares.join(parts[2:])
    opening = private(of(ann), (joined.x25519, None, public.set_id))
    assert receive(kit, tmp_path, packets, opening).path.read_bytes() == b"hello"


def test_several_locks_at_once(kit, tmp_path, rsa, ann, board):
    identity, _, public = board
    packets = list(
        kit.send(
            b"hello",
            key=[
                kit.locked,
                to(ann),
                to(framing.Identity.new()),
                framing.RsaRecipient(rsa.public_key().export_key()),
                framing.SharesRecipient(public),
            ],
        )
    )
    ways = {
        "passphrase": kit.unlocked(),
        "recipient": private(of(ann)),
        "rsa": framing.Keys(rsa=[rsa]),
        "shares": private((identity.x25519, None, public.set_id)),
    }
    for name, opening in ways.items():
        received = receive(kit, tmp_path / name, packets, opening)
        assert received.path.read_bytes() == b"hello"
    refused = receive(kit, tmp_path, packets)
    for words in ("with a passphrase", "recipients", "RSA keys", "3 of the 5 shares"):
        assert words in refused.reason


def test_a_pad_that_was_begun_is_used_once():
    """Two file keys under one pad would tell their difference."""
    lock = framing.Passphrase("words", cost=10)
    lock.begin()
    zeros = bytes(24)
    seen = {lock.stanza(zeros, bytes(4))[3:] for _ in range(3)}
    assert len({stanza[: stanzas.SALT_BYTES] for stanza in seen}) == 3
    for stanza in seen:
        salt, costs, masked = stanza[:16], stanza[16:18], stanza[18:]
        assert costs == bytes([10, 4])
        assert masked == hashlib.scrypt(b"words", salt=salt, n=1 << 10, r=8, p=4, dklen=24)


def test_the_sender_can_read_back_what_he_sent_to_others(kit, tmp_path, ann):
    outgoing = kit.send(b"hello", key=to(ann))
    assert receive(kit, tmp_path, outgoing, outgoing.keys).size == 5
    another = list(kit.send(b"other", key=to(ann)))
    assert receive(kit, tmp_path, another, outgoing.keys).kind == "key"


def test_private_keys_are_asked_for_when_needed_and_once(kit, tmp_path, ann):
    asked = []

    def provide():
        asked.append(1)
        return [framing.PrivateKey(*of(ann))]

    inbox = framing.Inbox(tmp_path, framing.Keys(private_keys=provide))
    kit.receive(inbox, kit.send(b"plain"))
    kit.receive(inbox, kit.send(b"locked", key=kit.locked))
    assert asked == []
    for name in "ab":
        kit.receive(inbox, kit.send(b"x", name=name, key=to(ann)))
    assert asked == [1]
    assert {path.name for path in tmp_path.glob("*")} >= {"a", "b"}


def test_sizes_on_the_air(rsa, ann, board):
    made = {
        "clear": framing.ClearKey(),
        "passphrase": framing.Passphrase("x", cost=10),
        "recipient": to(ann),
        "rsa": framing.RsaRecipient(rsa.public_key().export_key()),
        "shares": framing.SharesRecipient(board[2]),
    }
    sizes = {name: len(lock.stanza(bytes(24), TRANSFER)) for name, lock in made.items()}
    assert sizes == {"clear": 27, "passphrase": 45, "recipient": 59, "rsa": 259, "shares": 77}


def test_no_lock_is_no_choice(kit):
    with pytest.raises(ValueError, match="nobody could open"):
        locks.build([], bytes(24), TRANSFER)
    with pytest.raises(ValueError, match="at most 32"):
        kit.send(b"x", key=[to(framing.Identity(SEED))] * 33)


def test_more_stanzas_than_are_tried(ann, monkeypatch):
    """Recipients beyond the bound are passed over: a header cannot make a receiver work long."""
    lock = to(ann)
    foreign = to(framing.Identity(bytes(32)))
    file_key = bytes(24)
    suite = Encrypted(file_key, TRANSFER)
    ring = keys.Keyring(private(of(ann)))
    for ahead, opens in ((31, True), (32, False)):
        built = foreign.stanza(file_key, TRANSFER) * ahead + lock.stanza(file_key, TRANSFER)
        raw = header.build_header(suite, built, header.Metadata("x"))
        if opens:
            assert header.Header.parse(raw).unlock(TRANSFER, ring).metadata.name == "x"
        else:
            with pytest.raises(framing.errors.WrongKeyError):
                header.Header.parse(raw).unlock(TRANSFER, ring)


def tried(monkeypatch, costs):
    """Which passphrase stanzas with these c and p are tried, and how it ends."""
    made = [bytes([number]) * 16 + bytes(cost) + bytes(24) for number, cost in enumerate(costs)]
    seen = []

    def cheap(secret, salt, *cost, **more):
        seen.append(salt[0])
        return bytes(24)

    monkeypatch.setattr(keys, "scrypt", cheap)
    ring = keys.Keyring(framing.Keys(passphrases=["one", "two"]))
    found = keys.file_keys([(stanzas.PASSPHRASE, body) for body in made], TRANSFER, ring)
    with pytest.raises(framing.errors.LockError) as caught:
        list(found)
    assert seen[::2] == seen[1::2]  # for each passphrase
    return seen[::2], type(caught.value)


@pytest.mark.parametrize(
    ("costs", "opened", "costly"),
    [
        ([(15, 4)] * 3, [0, 1, 2], False),
        ([(15, 4)] * 4, [0, 1, 2], True),
        ([(15, 12)], [0], False),
        ([(15, 12), (1, 1)], [0], True),
        ([(15, 11), (15, 2), (15, 1)], [0, 2], True),
        ([(14, 12), (14, 12)], [0, 1], False),
        ([(14, 13), (16, 1), (15, 12)], [2], True),
        ([(10, 1)] * 5, [0, 1, 2, 3], True),
    ],
)
def test_a_header_has_a_budget_for_passphrases(monkeypatch, costs, opened, costly):
    """Twelve times the work of c = 15, p = 1, some 1.2 s, whatever the header asks for."""
    error = framing.errors.CostlyKeyError if costly else framing.errors.WrongKeyError
    assert tried(monkeypatch, costs) == (opened, error)


def test_no_sender_exceeds_the_budget():
    three = [framing.Passphrase("x")] * 3
    locks.build([framing.Passphrase("x", cost=10)] * 4, bytes(24), TRANSFER)
    with pytest.raises(ValueError, match="too costly"):
        locks.build([*three, framing.Passphrase("x", cost=10)], bytes(24), TRANSFER)


@pytest.mark.parametrize("sent", ["B\u00e4r", "Ba\u0308r", "x\udcff", "\ud83d"])
def test_text_passphrases(kit, tmp_path, sent):
    """The same text in either form opens; bytes that are no text never raise."""
    packets = list(kit.send(b"hello", key=framing.Passphrase(sent, cost=10)))
    same = {"B\u00e4r": "Ba\u0308r", "x\udcff": b"x\xff"}.get(sent, sent)
    opening = framing.Keys(passphrases=["\udc80", same])
    assert receive(kit, tmp_path, packets, opening).path.read_bytes() == b"hello"


def test_the_most_keys_and_stanzas_take_less_than_a_second(ann):
    """As many one-time keys as the store keeps, and their identity, on a header full of stanzas."""
    body = x25519_public(bytes(range(32))) + bytes(24)
    ring = keys.Keyring(private(*[of(ann)] * 33))
    ring.private_keys()
    begun = time.process_time()
    found = keys.file_keys([(stanzas.RECIPIENT, body)] * 32, TRANSFER, ring)
    tried = 0
    with contextlib.suppress(framing.errors.WrongKeyError):
        for _ in found:
            tried += 1
    assert tried == 33 * 32
    assert time.process_time() - begun < 3  # 0.6 s on a quiet core


@pytest.mark.parametrize("enc", [bytes(32), b"\1" + bytes(31), b"\xff" * 32])
def test_points_of_small_order_open_nothing(ann, enc):
    """RFC 7748, section 6.1: an all-zero secret is refused."""
    stanza = records.field(stanzas.RECIPIENT, enc + bytes(24))
    raw = header.build_header(Encrypted(bytes(24), TRANSFER), stanza, header.Metadata("x"))
    with pytest.raises(framing.errors.WrongKeyError):
        header.Header.parse(raw).unlock(TRANSFER, keys.Keyring(private(of(ann))))


def test_a_changed_stanza_opens_nothing(kit, ann):
    lock = to(ann)
    file_key = bytes(range(24))
    stanza = lock.stanza(file_key, TRANSFER)
    suite = Encrypted(file_key, TRANSFER)
    raw = header.build_header(suite, stanza, header.Metadata("x"))
    ring = keys.Keyring(private(of(ann)))
    for at in range(4, 4 + len(stanza)):
        broken = bytearray(raw)
        broken[at] ^= 1
        with pytest.raises(framing.errors.TransferError):
            header.Header.parse(bytes(broken)).unlock(TRANSFER, ring)


def test_what_is_no_rsa_key(rsa):
    small = RSA.generate(1024).public_key().export_key()
    point = ECC.generate(curve="p256").public_key().export_key(format="PEM").encode()
    for pem in (small, point, b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        with pytest.raises(KeyTextError):
            locks.RsaRecipient(pem)
    with pytest.raises(KeyTextError, match="private one is needed"):
        keys.rsa_private_key(rsa.public_key().export_key())
    sealed = rsa.export_key(
        passphrase=b"x", pkcs=8, protection="PBKDF2WithHMAC-SHA1AndDES-EDE3-CBC"
    )
    assert keys.rsa_private_key(sealed, b"x") == rsa
    for wrong in (None, b"y"):
        with pytest.raises(WrongPassphraseError):
            keys.rsa_private_key(sealed, wrong)


def test_secrets_are_in_no_repr(kit, ann, rsa):
    shown = repr(
        [
            framing.Keys(passphrases=[b"hidden"], rsa=[rsa], file_key=SEED[:24]),
            framing.PrivateKey(*of(ann)),
            framing.Passphrase("hidden"),
            ann,
            kit.send(b"x", key=kit.clear).keys,
        ]
    )
    assert "hidden" not in shown
    assert repr(ann.x25519) not in shown
    assert repr(SEED[:24]) not in shown
