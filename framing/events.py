"""What an inbox says: small frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Received:
    """A whole, verified file.

    name        as it is called in the folder
    size        bytes
    protection  "encrypted", "clear key" or "plain"
    sha256      64 hexadecimal digits
    signer      Ed25519 key (32 bytes) whose signature was verified; None: nobody signed
    signed_at   seconds since 1970 UTC by the signer's clock
    expires     seconds since 1970 UTC from which on the transfer is refused; None for never
    """

    path: Path
    name: str
    size: int
    media: str
    transfer_id: str
    protection: str
    sha256: str
    signer: bytes | None = None
    signed_at: int | None = None
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """A transfer that was received before, and is not taken again.

    received_at  seconds since 1970 UTC
    name         of the file; None where the key that would tell it is not there
    path         the file, where it is still in the folder as it was received
    """

    transfer_id: str
    received_at: int
    name: str | None
    path: Path | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A transfer that cannot be taken.

    reason  a sentence for the user
    kind    "key", "authentication", "damaged", "truncated", "reordered", "replayed",
            "expired", "too large" or "version"
    error   name of the class in `framing.errors`
    """

    transfer_id: str
    reason: str
    kind: str
    error: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an unfinished transfer is, in source symbols (useful packets).

    name, size  None as long as the header is missing, the key does not fit, or (size) nobody
                knows it
    have        useful packets that are there
    needed      packets needed; a lower bound or an estimate unless `exact`
    header      the key header is there
    locked      the header is there and was refused: the key does not fit
    """

    transfer_id: str
    name: str | None
    size: int | None
    packet_bytes: int
    have: int
    needed: int
    exact: bool
    header: bool
    locked: bool
