"""The commands `key new`, `show`, `add`, `list` and `revoke`."""

import time
from pathlib import Path

from dialtone import moments
from dialtone.errors import ExitCode, Failure
from dialtone.keystore import ME, Contact, Keystore, Own, signing_key
from dialtone.keytexts import RsaKey, Sheet, TheirKey, is_text, kind_of, read_sheet
from dialtone.output import Output, count
from dialtone.passphrases import PassphraseOptions
from dialtone.unlocking import unlock_with
from dialtone.whole import whole_file, write_new
from framing.identity import Identity
from framing.statements import one_time_bundle, revocation

_QR_SCALE = 8  # pixels of a module
_VOICE = "compare the fingerprint by voice: who can change the key on its way can read along"


def new_key(name: str, passphrase: PassphraseOptions, out: Output) -> None:
    """`key new`: a new identity in the store."""
    store = Keystore()
    store.check_free(name)
    secret = passphrase.read_or_ask(f"Passphrase for the new identity {name}", confirm=True)
    own = store.add_identity(name, Identity.new(), secret)
    out.event("key", **_facts(own), public=own.key.text(), path=own.path)
    out.text(own.key.text())
    out.say(f"identity {name}, fingerprint {own.key.fingerprint}")
    out.say(f"the line above is the public key, for everybody; {own.path} is the secret one")


def show_key(
    name: str,
    qr: Path | None,
    one_time: int | None,
    output: Path | None,
    passphrase: PassphraseOptions,
    out: Output,
) -> None:
    """`key show`: a public key as text and as a QR code, and new one-time keys for its owner's
    correspondents."""
    if (one_time is None) != (output is None):
        raise Failure("--one-time N and -o FILE go together", "give both")
    known = _found(name)
    facts: dict[str, object] = {}
    if one_time is not None and output is not None:
        facts = {"output": output, "one_time_made": one_time}
        _make_one_time(known, one_time, output, passphrase, out)
    if qr is not None:
        facts["qr"] = qr
        _draw_qr(known.key, qr)
        out.say(f"QR code of the public key: {qr}")
    out.event("key", **_facts(_found(name)), public=known.key.text(), path=known.path, **facts)
    out.text(known.key.text())
    out.say(f"{name}, {kind_of(known.key)}, fingerprint {known.key.fingerprint}")
    if known.revoked is not None:
        out.say(f"revoked on {moments.told(known.revoked)}: it must not be used any more")


def add_key(name: str, word: str, out: Output) -> None:
    """`key add`: a contact's public key, one-time keys with it or later."""
    store = Keystore()
    sheet = read_sheet(word)
    if sheet.revocations:
        raise Failure("this is a revocation, not a key", "`dialtone key revoke FILE` takes it")
    there = store.find(name)
    if isinstance(there, Own):
        raise Failure(f"{name} is an own identity: {there.key.fingerprint}", "take another name")
    if there is not None and sheet.key is not None and sheet.key != there.key:
        raise Failure(
            f"{name} has another key: {there.key.fingerprint}, not {sheet.key.fingerprint}",
            "if it really changed, ask by voice, and add the new one under another name",
        )
    key = there.key if there else sheet.key
    if key is None:
        raise Failure("there is no public key in it", "one-time keys belong to a key: add that one")
    _check_owner(sheet, key)
    contact = there or store.add_contact(name, key)
    publics = [public for _, keys in sheet.one_time for public in keys]
    added = contact.add_one_time(publics) if publics else 0
    out.event("key", **_facts(contact), public=key.text(), path=contact.path, one_time_added=added)
    what = f"{name} was known already" if there else f"added {name}"
    out.say(f"{what}: {kind_of(key)}, fingerprint {key.fingerprint}")
    if publics:
        out.say(f"{count(added, 'new one-time key')}, {count(len(publics) - added, 'known one')}")
    if contact.revoked is not None:
        out.say(f"it was revoked on {moments.told(contact.revoked)}")
    if there is None:
        out.say(_VOICE)


def list_keys(out: Output) -> None:
    """`key list`: all own identities and contacts."""
    from rich.table import Table

    store = Keystore(damaged=lambda failure: out.say(f"note: {failure.sentence}"))
    everybody: list[Own | Contact] = [*store.identities(), *store.contacts()]
    table = Table("name", "whose", "kind", "fingerprint", "one-time keys", "", box=None)
    for known in everybody:
        facts = _facts(known)
        out.record(**facts)
        remarks = [] if known.revoked is None else [f"revoked {moments.told(known.revoked)}"]
        if isinstance(known, Own) and known.exposed:
            remarks.append("others can read its file: chmod 600")
        table.add_row(*(str(facts[c]) for c in ("name", "whose", "kind", "fingerprint")),
                      str(facts["one_time"] or ""), "; ".join(remarks))  # fmt: skip
    if everybody:
        out.table(table)
    else:
        out.say("no keys yet: `dialtone key new` makes an identity, `dialtone key add` a contact")


def revoke_key(word: str, output: Path | None, passphrase: PassphraseOptions, out: Output) -> None:
    """`key revoke`: an own identity, a contact, or what somebody says of their own key."""
    store = Keystore()
    known = None if is_text(word) else store.find(word)
    now = int(time.time())
    match known:
        case Own():
            _revoke_own(store, known, output, passphrase, now, out)
        case Contact():
            _revoke(store, known, known.revoked or now, out)
        case None:
            _believe(store, word, out)


def _revoke_own(
    store: Keystore,
    own: Own,
    output: Path | None,
    passphrase: PassphraseOptions,
    now: int,
    out: Output,
) -> None:
    if output is None:
        raise Failure(
            f"{own.name} is an own identity: others have to be told", "write that with -o FILE"
        )
    if output.exists():
        raise Failure(f"{output} is there already", "take another name")
    since = now if own.revoked is None else own.revoked
    statement = revocation(unlock_with(own, passphrase), since)
    write_new(output, f"# {own.key.fingerprint} was revoked\n{statement}\n".encode())
    store.revoke(own, since)
    erased = own.forget_one_time()
    _tell_revoked(own, since, out, output=output, one_time_erased=erased)
    out.say(f"give {output} to everybody who has its public key; they run `dialtone key revoke`")
    if erased:
        out.say(f"{count(erased, 'one-time key')} erased")


def _believe(store: Keystore, word: str, out: Output) -> None:
    """A revocation that somebody signed."""
    try:
        revocations = read_sheet(word).revocations
    except FileNotFoundError:
        raise Failure(
            f"{word}: there is no key and no file of this name",
            "`dialtone key list` shows the keys",
        ) from None
    if not revocations:
        raise Failure("there is no revocation in it", "name a contact, or the file of a revocation")
    for ed25519, since in revocations:
        known = store.signer(ed25519)
        if known is None:
            raise Failure("none of the keys here is the one that it revokes", "nothing to do")
        _revoke(store, known, since, out)


def _revoke(store: Keystore, known: Own | Contact, since: int, out: Output) -> None:
    store.revoke(known, since)
    _tell_revoked(known, since, out)


def _tell_revoked(known: Own | Contact, since: int, out: Output, **more: object) -> None:
    fingerprint = known.key.fingerprint
    out.event("revoked", name=known.name, fingerprint=fingerprint, revoked=since, **more)
    out.say(f"{known.name} ({fingerprint}) is revoked since {moments.told(since)}")


def _make_one_time(
    known: Own | Contact, number: int, output: Path, passphrase: PassphraseOptions, out: Output
) -> None:
    """New one-time keys; the file for others comes last, so that none in it lacks its half."""
    if not isinstance(known, Own):
        raise Failure(f"{known.name} is a contact", "only its owner can make one-time keys")
    if known.revoked is not None:
        raise Failure(f"{known.name} was revoked", "make a new identity", ExitCode.KEY)
    if output.exists():
        raise Failure(f"{output} is there already", "take another name")
    known.check_room(number)
    identity = unlock_with(known, passphrase)
    publics = known.add_one_time(identity, number)
    text = (
        f"# {known.name}, fingerprint {known.key.fingerprint}: for one correspondent only\n"
        f"{known.key.text()}\n{one_time_bundle(identity, publics)}\n"
    )
    try:
        write_new(output, text.encode())
    except OSError:
        known.drop_one_time(publics)
        raise
    out.say(f"{count(number, 'one-time key')} in {output}: give it to one correspondent, no other")


def _check_owner(sheet: Sheet, key: TheirKey) -> None:
    if any(ed25519 != signing_key(key) for ed25519, _ in sheet.one_time):
        raise Failure("these one-time keys are of somebody else", "nothing was added", ExitCode.KEY)


def _found(name: str) -> Own | Contact:
    known = Keystore().find(name)
    if known is not None:
        return known
    if name == ME:
        raise Failure("there is no identity yet", "`dialtone key new` makes one")
    shown = "this" if is_text(name) else name
    raise Failure(f"there is no key {shown}", "`dialtone key list` shows the keys")


def _facts(known: Own | Contact) -> dict[str, object]:
    return {
        "name": known.name,
        "whose": "own" if isinstance(known, Own) else "contact",
        "kind": kind_of(known.key),
        "fingerprint": known.key.fingerprint,
        "one_time": len(known.one_time_files()),
        "revoked": known.revoked,
    }


def _draw_qr(key: TheirKey, path: Path) -> None:
    """A PNG. Upper case has a compact mode of its own (ISO/IEC 18004, alphanumeric)."""
    import segno

    text = key.text() if isinstance(key, RsaKey) else key.text().upper()
    with whole_file(path) as file:
        segno.make_qr(text).save(file, kind="png", scale=_QR_SCALE)
