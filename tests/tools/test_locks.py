"""Files to people, through a WAV file and back: who can open them, who signed them, how often."""

import shutil
import time
from pathlib import Path

import pytest
from dialtone import moments, passphrases

from framing.identity import Identity

KEYS = Path(__file__).parent / "keys"
ANN, BOB = Identity(b"a" * 32).public, Identity(b"b" * 32).public


@pytest.fixture
def file(tmp_path, data):
    path = tmp_path / "file.bin"
    path.write_bytes(data)
    return path


@pytest.fixture
def send(dialtone, file, tmp_path):
    """Send the file as a WAV; returns its path and the event."""

    def call(*options, code=0):
        sound = tmp_path / f"{len(list(tmp_path.glob('*.wav')))}.wav"
        answer = dialtone("send", file, "-p", "cable", "-o", sound, "--json", *options)
        assert answer.code == code, answer.out
        return sound, answer.event("error" if code else "sent")

    return call


@pytest.fixture
def receive(dialtone, tmp_path, data):
    """Receive into a new folder; returns the event, after a look at the file."""

    def call(sound, *options, code=0):
        folder = tmp_path / f"in{len(list(tmp_path.glob('in*')))}"
        folder.mkdir()
        answer = dialtone("receive", sound, "-d", folder, "--json", *options)
        assert answer.code == code, answer.out
        if code:
            assert not (folder / "file.bin").exists()
            return answer.event("error")
        assert (folder / "file.bin").read_bytes() == data
        return answer.event("received")

    return call


def test_to_a_contact_and_signed(be, send, receive):
    secret = be("bob")
    sound, sent = send("--to", "ann", "--sign", "--identity-passphrase-file", secret)
    assert (sent["to"], sent["signer"]) == ([ANN.fingerprint], BOB.fingerprint)
    assert (sent["signed_by"], sent["expires"]) == ("me", None)
    secret = be("ann")
    received = receive(sound, "--identity-passphrase-file", secret)
    assert (received["signed_by"], received["signer"]) == ("bob", BOB.fingerprint)
    assert (received["signer_revoked"], received["protection"]) == (False, "encrypted")
    assert received["signed_at"] == pytest.approx(time.time(), abs=60)
    be("bob")  # who sent it cannot open it
    error = receive(sound, "--identity-passphrase-file", be("bob"), code=3)
    assert "identities of its recipients" in error["error"]


def test_for_people_it_says_who_signed(be, dialtone, send, tmp_path):
    sound, _ = send("--plain", "--sign", "--identity-passphrase-file", be("bob"))
    be("ann")
    said = dialtone("receive", sound, "-d", tmp_path / "a").err
    assert f"signed by bob ({BOB.fingerprint}) on 20" in said
    assert dialtone("key", "revoke", "bob").code == 0
    said = dialtone("receive", sound, "-d", tmp_path / "b").err
    assert "signed with a key of bob that was revoked" in said
    answer = dialtone("receive", sound, "-d", tmp_path / "b2", "--json").event("received")
    assert (answer["signed_by"], answer["signer_revoked"]) == (None, True)
    shutil.rmtree(tmp_path / ".ann" / "contacts")
    said = dialtone("receive", sound, "-d", tmp_path / "c").err
    assert "signed by a key you do not know: " in said
    unsigned, _ = send("--plain")
    assert "not signed" in dialtone("receive", unsigned, "-d", tmp_path / "d").err


def test_any_of_several_locks_opens(be, send, receive, key, tmp_path):
    be("bob")
    text = tmp_path / "rsa.pem"
    shutil.copy(KEYS / "public.pem", text)
    sound, sent = send("--to", "ann", text, BOB.text(), "--passphrase-file", key)
    assert sent["to"][::2] == [ANN.fingerprint, BOB.fingerprint]
    assert len(sent["to"]) == 3
    receive(sound, "--passphrase-file", key)
    receive(sound, "--identity-passphrase-file", be("bob"))
    receive(sound, "--identity-passphrase-file", be("ann"))
    receive(sound, "--passphrase-file", be("ann"))  # it is tried on identities, too
    receive(sound, "--identity", KEYS / "private.pem")


@pytest.mark.parametrize("name", ["private.pem", "pkcs1.pem", "encrypted.pem"])
def test_rsa_keys_of_openssl(dialtone, send, receive, name, tmp_path):
    assert dialtone("key", "add", "server", KEYS / "public.pem").code == 0
    sound, _ = send("--to", "server")
    secret = tmp_path / "rsa.txt"
    secret.write_text("opensesame\n")
    assert "RSA" in receive(sound, code=3)["error"]
    receive(sound, "--identity", KEYS / name, "--identity-passphrase-file", secret)
    if name == "encrypted.pem":
        error = receive(sound, "--identity", KEYS / name, code=3)
        assert "--identity-passphrase-file" in error["hint"]
        assert "opensesame" not in str(error)


def test_shares_open_together(dialtone, send, receive, tmp_path):
    assert dialtone("key", "split", "-k", 2, "-n", 3, "-d", tmp_path).code == 0
    assert dialtone("key", "split", "other", "-k", 2, "-n", 3, "-d", tmp_path).code == 0
    one, two, three = (tmp_path / f"shared-{n}.share" for n in (1, 2, 3))
    foreign = tmp_path / "other-2.share"
    sound, _ = send("--to", "shared")
    receive(sound, "--shares", one, three)
    receive(sound, "--shares", two, one, two)
    error = receive(sound, "--shares", two, code=3)
    assert "1 of 2 shares is there; one of 1, 3 is missing" in error["error"]
    assert str(two) in error["error"]
    error = receive(sound, "--shares", one, three, foreign, code=3)
    assert f"{foreign}, share 2, belongs to another key" in error["error"]
    receive(sound, "--shares", foreign, tmp_path / "other-1.share", code=3)
    three.write_text(three.read_text()[:-6] + "\n")
    error = receive(sound, "--shares", one, three, code=3)
    assert str(three) in error["error"]
    assert "2 of the 3 shares" in receive(sound, code=3)["error"]


def test_a_one_time_key_opens_once(be, dialtone, send, receive, tmp_path):
    secret = be("ann")
    bundle = tmp_path / "for-bob.key"
    made = dialtone("key", "show", "--one-time", 2, "-o", bundle, "--passphrase-file", secret)
    assert made.code == 0
    own = tmp_path / ".ann" / "identities" / "me.once"
    assert len(list(own.iterdir())) == 2

    be("bob")
    assert "no unused one-time key of ann" in send("--to", "ann", "--once", code=2)[1]["error"]
    assert dialtone("key", "add", "ann", bundle).code == 0
    planned = dialtone("send", bundle, "--to", "ann", "--once", "--dry-run")
    assert planned.code == 0
    assert dialtone("send", "missing", "--to", "ann", "--once", "-o", tmp_path / "x.wav").code == 2
    first, _ = send("--to", "ann", "--once")
    second, _ = send("--to", "ann", "--once")
    assert "no unused one-time key of ann" in send("--to", "ann", "--once", code=2)[1]["error"]
    assert dialtone("key", "add", "ann", bundle).code == 0
    assert "no unused one-time key of ann" in send("--to", "ann", "--once", code=2)[1]["error"]

    be("ann")
    receive(second, "--identity-passphrase-file", secret)
    assert len(list(own.iterdir())) == 1
    repeated = dialtone(
        "receive", second, "-d", tmp_path / "in0", "--identity-passphrase-file", secret, "--json"
    )
    assert repeated.code == 1
    assert "was received before" in repeated.event("error")["error"]
    assert "one-time" in repeated.event("error")["hint"]
    receive(second, "--identity-passphrase-file", secret, code=3)
    receive(first, "--identity-passphrase-file", secret)
    assert list(own.iterdir()) == []


def test_it_expires(send, receive, monkeypatch):
    sound, sent = send("--plain", "--expires", "2d")
    assert sent["expires"] == pytest.approx(time.time() + 2 * 86400, abs=60)
    assert receive(sound)["expires"] == sent["expires"]
    monkeypatch.setattr(moments, "expiry", lambda text, now: int(now))
    sound, _ = send("--plain", "--expires", "now")
    assert "expired" in receive(sound, code=3)["error"]


def test_a_second_time(dialtone, send, tmp_path, data):
    sound, sent = send("--plain")
    folder = tmp_path / "inbox"
    assert dialtone("receive", sound, "-d", folder).code == 0
    again = dialtone("receive", sound, "-d", folder)
    assert again.code == 0
    assert f"{folder / 'file.bin'} was received before, on 20" in again.err
    (folder / "file.bin").unlink()
    gone = dialtone("receive", sound, "-d", folder, "--json")
    assert gone.code == 1
    assert gone.event("repeated")["file"] is None
    assert gone.event("repeated")["transfer"] == sent["transfer"]
    assert "file.bin was received before" in gone.event("error")["error"]
    assert "--again" in gone.event("error")["hint"]
    assert dialtone("receive", sound, "-d", folder, "--again").code == 0
    assert (folder / "file.bin").read_bytes() == data


@pytest.mark.parametrize("order", ["compress-first", "encrypt-first"])
def test_both_orders(send, receive, key, order):
    sound, _ = send("--passphrase-file", key, "--order", order)
    receive(sound, "--passphrase-file", key)


def test_an_mp3_for_somebody_else_is_verified(be, dialtone, file, tmp_path):
    be("bob")
    target = tmp_path / "x.mp3"
    assert dialtone("send", file, "--to", "ann", "-p", "mp3", "-s", 3, "-o", target).code == 0


def test_identities_are_asked_for_only_where_they_are_needed(
    be, send, receive, monkeypatch, recordings, key
):
    asked = []

    def answer(prompt, confirm=False):
        asked.append(prompt)
        return b"ann's secret" if len(asked) > 1 else b"wrong"

    be("bob")
    sound, _ = send("--to", "ann")
    be("ann")
    monkeypatch.setattr(passphrases, "ask", answer)
    error = receive(sound, code=3)
    assert "--identity-passphrase-file" in error["hint"]
    assert asked == []
    monkeypatch.setattr(passphrases, "terminal", lambda: True)
    receive(recordings / "plain.wav")
    receive(recordings / "sealed.wav", "--passphrase-file", key)
    assert asked == []
    receive(sound)
    assert asked == ["Passphrase of me: "] * 2


def test_a_damaged_contact_costs_itself(be, dialtone, send, receive, tmp_path):
    secret = be("bob")
    sound, _ = send("--to", "ann", "--sign", "--identity-passphrase-file", secret)
    secret = be("ann")
    contacts = tmp_path / ".ann" / "contacts"
    (contacts / "dave.key").write_text("dialtone-key-abc\n")
    (contacts / "erin.key").symlink_to("/proc/self/mem")  # an I/O error, as of a bad disk
    answer = dialtone("key", "list")
    assert answer.code == 0
    assert "dave.key: " in answer.err
    assert "the key erin: input/output error" in answer.err
    assert ANN.fingerprint in answer.err + answer.out
    assert receive(sound, "--identity-passphrase-file", secret)["signed_by"] == "bob"


def test_an_identity_that_others_can_read_is_named(be, dialtone, send, tmp_path):
    secret = be("ann")
    identity = tmp_path / ".ann" / "identities" / "me.identity"
    sound, _ = send("--to", "me")
    words = ("receive", sound, "--identity-passphrase-file", secret, "-d")
    assert "chmod" not in dialtone(*words, tmp_path / "a").err + dialtone("key", "list").err
    identity.chmod(0o640)
    assert f"others can read {identity}" in dialtone(*words, tmp_path / "b").err
    assert "chmod 600" in dialtone("key", "list").err


@pytest.mark.parametrize("words", [("--to", ""), ("--plain", "--sign", "--identity", "")])
def test_an_empty_word_names_nobody(be, dialtone, file, tmp_path, words):
    be("ann")
    answer = dialtone("send", file, "-o", tmp_path / "x.wav", *words)
    assert answer.code == 2
    assert "an empty word names no" in answer.err
