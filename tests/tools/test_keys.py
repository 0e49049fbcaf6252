"""The commands of `dialtone key`, as people and programs use them."""

import hashlib
import io
import os
import pty
import stat
import sys
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from framing import armor
from framing.identity import Identity, parse_public
from framing.shares import Share, split, split_key
from framing.statements import read_revocation

KEYS = Path(__file__).parent / "keys"
ANN, BOB = Identity(b"a" * 32), Identity(b"b" * 32)
NOBODY = Identity(b"n" * 32)
DEADLINE_S = 60


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("new secret\n")
    return path


def rows(answer):
    return {row["name"]: row for row in answer.events}


def test_a_new_identity(dialtone, secret, tmp_path):
    made = dialtone("key", "new", "--passphrase-file", secret)
    assert made.code == 0
    public = parse_public(made.out)
    assert public.fingerprint in made.err
    path = tmp_path / ".home" / "identities" / "me.identity"
    assert str(path) in made.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Identity.unlock(path.read_text(), "new secret").public == public
    shown = dialtone("key", "show")
    assert shown.out == made.out
    again = dialtone("key", "new", "--passphrase-file", secret, "--json")
    assert again.code == 2
    assert public.fingerprint in again.event("error")["error"]


def test_events_tell_no_secret(dialtone, secret, tmp_path):
    answers = [
        dialtone("key", "new", "--passphrase-file", secret, "--json"),
        dialtone("key", "split", "-d", tmp_path / "shares", "--json"),
        dialtone("key", "show", "--one-time", 3, "-o", tmp_path / "o", "--passphrase-file", secret,
                 "--json"),
        dialtone("key", "list", "--json"),
        dialtone("key", "join", *sorted((tmp_path / "shares").iterdir())[:3], "-o",
                 tmp_path / "x.identity", "--passphrase-file", secret, "--json"),
        dialtone("key", "revoke", "me", "-o", tmp_path / "r", "--passphrase-file", secret,
                 "--json"),
    ]  # fmt: skip
    for answer in answers:
        assert answer.code == 0
        for private in (armor.IDENTITY, armor.SHARE, "new secret"):
            assert private not in answer.out + answer.err


def test_lists(be, dialtone, tmp_path):
    be("ann")
    assert dialtone("key", "add", "server", KEYS / "public.pem").code == 0
    assert dialtone("key", "split", "-k", 2, "-n", 3, "-d", tmp_path / "shares").code == 0
    listed = rows(dialtone("key", "list", "--json"))
    assert {name: row["kind"] for name, row in listed.items()} == {
        "me": "person", "bob": "person", "server": "RSA 2048", "shared": "2 of 3 shares",
    }  # fmt: skip
    assert listed["me"]["whose"] == "own"
    assert listed["bob"]["fingerprint"] == BOB.public.fingerprint
    assert all(row["revoked"] is None and row["one_time"] == 0 for row in listed.values())
    assert BOB.public.fingerprint in dialtone("key", "list").err


def test_an_empty_store_says_what_to_do(dialtone):
    assert "dialtone key new" in dialtone("key", "list").err
    assert "dialtone key new" in dialtone("key", "show").err
    assert "dialtone key new" in dialtone("key", "show", "me", "--json").event("error")["hint"]


@pytest.mark.parametrize("how", ["text", "file", "upper", "wrapped"])
def test_adding_a_contact(dialtone, tmp_path, how):
    text = ANN.public.text()
    word = tmp_path / "ann.key"
    wrapped = "\n  ".join(text[at : at + 40] for at in range(0, len(text), 40))
    word.write_text({"upper": text.upper(), "wrapped": f"# Ann\n{wrapped}\n"}.get(how, text))
    added = dialtone("key", "add", "ann", text if how == "text" else word)
    assert added.code == 0
    assert ANN.public.fingerprint in added.err
    assert "by voice" in added.err
    assert dialtone("key", "show", "ann").out.strip() == text


def test_a_contact_keeps_its_key(be, dialtone):
    be("ann")
    assert dialtone("key", "add", "bob", BOB.public.text()).code == 0
    answer = dialtone("key", "add", "bob", NOBODY.public.text(), "--json")
    assert answer.code == 2
    error = answer.event("error")["error"]
    assert BOB.public.fingerprint in error
    assert NOBODY.public.fingerprint in error
    assert dialtone("key", "show", "bob").out.strip() == BOB.public.text()
    assert "own identity" in dialtone("key", "add", "me", NOBODY.public.text()).err


@pytest.mark.parametrize(
    ("word", "words"),
    [
        (KEYS / "private.pem", "private RSA key"),
        (KEYS / "short.pem", "2048"),
        (KEYS / "elliptic.pem", "RSA"),
        ("dialtone-key-aaaa", "not complete"),
        (Identity(b"x" * 32).lock("x", 10), "private key"),
        ("missing.key", "no such file"),
        (__file__, "not a key"),
    ],
)
def test_what_is_no_contact(dialtone, word, words, tmp_path):
    answer = dialtone("key", "add", "eve", word)
    assert answer.code == 2
    assert words in answer.err
    assert len(str(word)) < 100 or str(word)[30:] not in answer.err
    assert not (tmp_path / ".home").exists()


@pytest.mark.parametrize("name", ["ann", "server", "shared"])
def test_another_reader_reads_the_qr_code(be, dialtone, tmp_path, name):
    be("bob")
    assert dialtone("key", "add", "server", KEYS / "public.pem").code == 0
    assert dialtone("key", "split", "-k", 2, "-n", 200, "-d", tmp_path / "shares").code == 0
    picture = tmp_path / "code.png"
    shown = dialtone("key", "show", name, "--qr", picture)
    assert shown.code == 0
    with Image.open(picture) as image:
        (code,) = zxingcpp.read_barcodes(image)
        modules = image.width // 8 - 8
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    if name == "server":
        assert code.text.strip() == shown.out.strip()
    else:
        assert parse_public(code.text) == parse_public(shown.out)
        assert modules <= 17 + 4 * 6  # version 6 holds 154 characters, if these are capitals


def test_one_time_keys_of_somebody_else(be, dialtone, tmp_path):
    secret = be("ann")
    bundle = tmp_path / "for-bob.key"
    command = ("key", "show", "--one-time", 2, "-o", bundle, "--passphrase-file", secret)
    assert dialtone(*command).code == 0
    assert dialtone(*command).code == 2  # never overwritten
    assert "room for 30 more" in dialtone(
        "key", "show", "--one-time", 31, "-o", tmp_path / "more", "--passphrase-file", secret
    ).err  # fmt: skip
    assert not (tmp_path / "more").exists()
    statement = bundle.read_text().splitlines()[-1]
    be("bob")
    assert dialtone("key", "add", "carl", NOBODY.public.text()).code == 0
    assert dialtone("key", "add", "carl", statement).code == 3
    assert dialtone("key", "add", "ann", statement, "--json").event("key")["one_time_added"] == 2
    assert rows(dialtone("key", "list", "--json"))["ann"]["one_time"] == 2


def test_splitting_an_identity_and_joining_it(be, dialtone, secret, tmp_path):
    own = be("ann")
    split = dialtone(
        "key", "split", "spare", "-k", 3, "-n", 5, "-d", tmp_path / "s", "--identity", "me",
        "--passphrase-file", own,
    )  # fmt: skip
    assert split.code == 0
    assert parse_public(split.out).x25519 == ANN.public.x25519
    shares = sorted((tmp_path / "s").iterdir())
    assert [path.name for path in shares] == [f"spare-{n}.share" for n in range(1, 6)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in shares} == {0o600}
    whole = tmp_path / "ann.identity"
    few = dialtone("key", "join", *shares[:2], "-o", whole, "--passphrase-file", secret)
    assert few.code == 3
    assert "2 of 3 shares are there; one of 3, 4, 5 is missing" in few.err
    joined = dialtone("key", "join", *shares[1:4], "-o", whole, "--passphrase-file", secret)
    assert joined.code == 0
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600
    assert Identity.unlock(whole.read_text(), "new secret").seed == ANN.seed
    again = dialtone("key", "join", *shares[1:4], "-o", whole, "--passphrase-file", secret)
    assert again.code == 2


@pytest.mark.parametrize("known", [True, False])
def test_shares_of_a_dishonest_dealer(dialtone, secret, tmp_path, known):
    """Whole by their digests, and yet of two keys: who has the public key finds out."""
    one, other = split(ANN.seed, 2, 3), split(BOB.seed, 2, 3)
    values = [one[0].value, one[1].value, other[2].value]
    label = b"dialtone 2 share"
    digests = tuple(
        hashlib.sha256(label + bytes([2, 3, index]) + value).digest()[:16]
        for index, value in enumerate(values, 1)
    )
    paths = [tmp_path / f"{index}.share" for index in (1, 2, 3)]
    for index, (path, value) in enumerate(zip(paths, values, strict=True), 1):
        path.write_text(Share(2, 3, index, value, digests).text())
    public = split_key(ANN, [Share.parse(paths[0].read_text())])
    if known:
        assert dialtone("key", "add", "board", public.text()).code == 0
    for chosen, code in ((paths[:2], 0), (paths[1:], 3 if known else 0)):
        whole = tmp_path / f"{chosen[0].stem}.identity"
        joined = dialtone("key", "join", *chosen, "-o", whole, "--passphrase-file", secret)
        assert (joined.code, whole.exists()) == (code, code == 0)
        assert ("join another key than they should" in joined.err) == (code == 3)
    opened = dialtone("receive", tmp_path / "none.wav", "--shares", *paths[1:])
    assert ("join another key than they should" in opened.err) == known


ACCENTS = ("B\u00e4r", "Ba\u0308r")  # composed, and as some keyboards and file systems write it


@pytest.mark.parametrize(("made", "given"), [ACCENTS, ACCENTS[::-1]])
@pytest.mark.parametrize("typed", [False, True])
def test_it_does_not_matter_how_an_accent_is_written(
    dialtone, tmp_path, monkeypatch, made, given, typed
):
    new, use = tmp_path / "new.txt", tmp_path / "use.txt"
    new.write_bytes(made.encode())
    use.write_bytes(given.encode() + b"\r\n")
    if typed:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{made}\n{made}\n"))
        assert dialtone("key", "new").code == 0
    else:
        assert dialtone("key", "new", "--passphrase-file", new).code == 0
    shown = dialtone("key", "show", "--one-time", 1, "-o", tmp_path / "o", "--passphrase-file", use)
    assert shown.code == 0


@pytest.mark.parametrize("typed", ["\udcff\udcfe", "a\u0308\udcff", "\ud83d"])
def test_a_passphrase_that_is_no_text(dialtone, tmp_path, monkeypatch, typed):
    """What a terminal sends is the same as what a file holds."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n{typed}\n"))
    assert dialtone("key", "new").code == 0
    use = tmp_path / "use.txt"
    how = "surrogatepass" if typed == "\ud83d" else "surrogateescape"
    use.write_bytes(typed.encode(errors=how) + b"\n")
    shown = dialtone("key", "show", "--one-time", 1, "-o", tmp_path / "o", "--passphrase-file", use)
    assert shown.code == 0


def test_a_terminal_that_sends_no_text(dialtone, monkeypatch):
    """A strict standard input raises before there is anything to look at."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8"))
    answer = dialtone("key", "new", "--json")
    assert (answer.code, "no text" in answer.event("error")["error"]) == (2, True)


def test_a_split_that_fails_leaves_nothing(be, dialtone, tmp_path):
    be("ann")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "shared-3.share").write_text("an older one")
    assert dialtone("key", "split", "-d", tmp_path / "s").code == 2
    assert dialtone("key", "split", "bob", "-d", tmp_path / "s").code == 2
    for k, n in ((1, 5), (6, 5), (2, 256)):
        assert dialtone("key", "split", "-k", k, "-n", n, "-d", tmp_path / "s").code == 2
    assert [path.read_text() for path in (tmp_path / "s").iterdir()] == ["an older one"]


def test_revoking_an_own_identity_and_being_told(be, dialtone, tmp_path):
    secret = be("ann")
    statement = tmp_path / "ann.revoked"
    dialtone("key", "show", "--one-time", 2, "-o", tmp_path / "o", "--passphrase-file", secret)
    assert "-o FILE" in dialtone("key", "revoke", "me").err
    revoked = dialtone("key", "revoke", "me", "-o", statement, "--passphrase-file", secret)
    assert revoked.code == 0
    assert read_revocation(statement.read_text())[0] == ANN.public.ed25519
    assert list((tmp_path / ".ann" / "identities" / "me.once").iterdir()) == []
    file = tmp_path / "o"
    sign = ("send", file, "--plain", "--sign", "--identity-passphrase-file", secret)
    refused = dialtone(*sign, "-o", tmp_path / "x.wav")
    assert (refused.code, "revoked" in refused.err) == (3, True)

    be("bob")
    assert dialtone("key", "revoke", statement).code == 0
    assert dialtone("key", "revoke", statement).code == 0
    refused = dialtone("send", file, "--to", "ann", "-o", tmp_path / "x.wav")
    assert (refused.code, "revoked" in refused.err) == (2, True)
    refused = dialtone("send", file, "--to", ANN.public.text(), "-o", tmp_path / "x.wav")
    assert (refused.code, "revoked" in refused.err) == (2, True)
    assert rows(dialtone("key", "list", "--json"))["ann"]["revoked"] > 1_700_000_000
    forged = tmp_path / "forged"
    forged.write_text(armor.encode(armor.REVOKED, b"\1" + BOB.public.ed25519 + bytes(72)))
    assert dialtone("key", "revoke", forged).code == 3
    assert rows(dialtone("key", "list", "--json"))["me"]["revoked"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plain", "--to", "bob"], "exclude each other"),
        (["--key-in-header", "--passphrase-file", "{file}"], "exclude each other"),
        (["--once", "--passphrase-file", "{file}"], "--to"),
        (["--plain", "--identity", "me"], "--sign"),
        (["--to", "nobody"], "no contact and no file"),
        (["--to", "dialtone-key-aaaa"], "not complete"),
        (["--plain", "--expires", "yesterday"], "no time"),
        (["--plain", "--order", "none"], "--order"),
        (["--plain", "--sign", "--identity", "missing.identity"], "no such file"),
    ],
)
def test_wrong_key_options(be, dialtone, tmp_path, arguments, words):
    be("ann")
    file = tmp_path / "file.bin"
    file.write_bytes(b"some bytes")
    options = [argument.format(file=file) for argument in arguments]
    answer = dialtone("send", file, "-o", tmp_path / "x.wav", *options)
    assert (answer.code, words in answer.err) == (2, True), answer.err
    assert not (tmp_path / "x.wav").exists()


def test_a_wrong_passphrase_of_an_identity(be, dialtone, secret, tmp_path):
    be("ann")
    for command in (
        ("send", secret, "--plain", "--sign", "--identity-passphrase-file", secret, "-o", "x.wav"),
        ("key", "show", "--one-time", 1, "-o", tmp_path / "o", "--passphrase-file", secret),
        ("key", "revoke", "me", "-o", tmp_path / "o", "--passphrase-file", secret),
    ):
        answer = dialtone(*command)
        assert answer.code == 3
        assert "the passphrase does not open the identity me" in answer.err
        assert "new secret" not in answer.err


def test_without_a_terminal(be, dialtone, tmp_path, monkeypatch):
    be("ann")
    signing = ("send", be("ann"), "--plain", "--sign", "-o", tmp_path / "x.wav", "--json")
    assert "--identity-passphrase-file" in dialtone(*signing).event("error")["hint"]
    for typed, code in (("one\none\n", 0), ("one\ntwo\n", 2), ("\n\n", 2), ("", 2)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert dialtone("key", "new", f"k{len(typed)}{code}").code == code
    assert {row["name"] for row in dialtone("key", "list", "--json").events} == {
        "me", "bob", "k80",
    }  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        ["send", "{file}", "--plain", "--sign", "-o", "x.wav", "--identity"],
        ["receive", "{file}", "--identity"],
        ["receive", "{file}", "--shares"],
        ["key", "join", "-o", "x", "--"],
        ["key", "split", "--identity"],
        ["key", "show"],
        ["key", "new"],
        ["key", "add", "eve"],
        ["key", "revoke"],
        ["send", "{file}", "-o", "x.wav", "--to"],
    ],
)
@pytest.mark.parametrize("kind", ["identity", "share"])
def test_a_secret_on_the_command_line_is_not_repeated(dialtone, secret, command, kind):
    private = ANN.lock("x", 10) if kind == "identity" else split(ANN.seed, 2, 3)[0].text()
    for extra in ([], ["--json"]):
        words = [word.format(file=secret) for word in command]
        answer = dialtone(*words[:2], *extra, *words[2:], private)
        assert answer.code in (2, 3)
        assert private[20:40] not in answer.out + answer.err


def test_on_a_terminal_it_asks_twice_and_shows_nothing(tmp_path):
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover  the program itself
        os.environ["DIALTONE_HOME"] = str(tmp_path / "home")
        os.execv(sys.executable, [sys.executable, "-m", "dialtone", "key", "new"])
    said = b""
    for prompt in (b"identity me: ", b"Once more: "):
        while not said.endswith(prompt):
            said += os.read(terminal, 1000)
        os.write(terminal, b"whisper\n")
    try:
        while more := os.read(terminal, 1000):
            said += more
    except OSError:  # how Linux tells that the other side of a terminal has gone
        pass
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0
    assert b"whisper" not in said
    assert b"dialtone-key-" in said
    text = (tmp_path / "home" / "identities" / "me.identity").read_text()
    assert Identity.unlock(text, "whisper").public == parse_public(
        next(line for line in said.decode().splitlines() if line.startswith("dialtone-key-"))
    )
