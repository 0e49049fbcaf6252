"""Who signed what arrived, in words and for scripts."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dialtone import moments
from dialtone.errors import Failure
from dialtone.keystore import Contact, Keystore, Own
from framing.identity import spoken

if TYPE_CHECKING:
    import framing


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a transfer.

    said     a sentence for people, "not signed" included
    name     of the contact or own identity; None where nobody signed, the key is not known here,
             or was revoked
    shown    fingerprint of the key, of an unknown one that of its signing half alone
    revoked  the key is known, and must not be trusted any more
    """

    said: str
    name: str | None = None
    shown: str | None = None
    revoked: bool = False

    def facts(self) -> dict[str, object]:
        """What JSON events say of it."""
        return {"signed_by": self.name, "signer": self.shown, "signer_revoked": self.revoked}


def signature_of(received: "framing.Received") -> Signature:
    """Who signed a transfer, by the keys that are known here."""
    if received.signer is None:
        return Signature("not signed")
    at = f" on {moments.told(received.signed_at or 0)}"
    known, why = _known(received.signer)
    if known is None:
        shown = signing_fingerprint(received.signer)
        said = f"signed by a key you do not know: {shown} (of the signing key alone){at}{why}"
        return Signature(said, shown=shown)
    shown = known.key.fingerprint
    if known.revoked is not None:
        said = f"signed with a key of {known.name} that was revoked ({shown}){at}"
        return Signature(said, shown=shown, revoked=True)
    return Signature(f"signed by {known.name} ({shown}){at}", known.name, shown)


def signing_fingerprint(ed25519: bytes) -> str:
    """Fingerprint of a signing key (32 bytes) of which nothing else is known."""
    return spoken(hashlib.sha256(ed25519).digest())


def _known(ed25519: bytes) -> tuple[Own | Contact | None, str]:
    """Whose key it is; a damaged store costs the name, not the file that has arrived."""
    damaged: list[Failure] = []
    known = Keystore(damaged=damaged.append).signer(ed25519)
    return known, "" if known else "".join(f" ({failure.sentence})" for failure in damaged)
