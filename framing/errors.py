"""What can go wrong between a file and its packets.

The docstring of each class is the sentence a user reads; `str(error)` gives it, or the more
precise sentence the place of the fault supplied. No message ever holds a secret.
"""

from __future__ import annotations

from typing import ClassVar


class FramingError(Exception):
    """The transfer failed."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(
            reason if reason is not None else " ".join((type(self).__doc__ or "").split())
        )


class SourceError(FramingError):
    """The file changed while it was being read; send it again."""


class SourceTooLargeError(FramingError):
    """The file is larger than one transfer can carry; split it."""


class StorageError(FramingError):
    """The received data could not be stored."""

    def __init__(self, reason: str | None = None, errno: int | None = None) -> None:
        super().__init__(reason)
        self.errno = errno

    @classmethod
    def of(cls, doing: str, error: OSError) -> StorageError:
        return cls(f"{doing}: {error.strerror or error}", error.errno)


class TransferError(FramingError):
    """The transfer was refused."""

    kind: ClassVar[str] = "damaged"


class LockError(TransferError):
    """The key does not open this transfer."""

    kind = "key"


class MissingKeyError(LockError):
    """This transfer is locked with a passphrase, and none was given."""


class WrongKeyError(LockError):
    """The passphrase does not open this transfer."""


class UnknownLockError(LockError):
    """This transfer is locked in a way that this version does not know."""


class CostlyKeyError(LockError):
    """The passphrase lock asks for more memory or time than is allowed; it was not tried."""


class VersionError(TransferError):
    """This transfer was made by a newer version of Dialtone."""

    kind = "version"


class AuthenticationError(TransferError):
    """The transfer fails its authentication: it was changed on the way, or forged."""

    kind = "authentication"


class ForgedHeaderError(AuthenticationError):
    """The key header fails its authentication: it was changed on the way, or forged."""


class ForgedSignatureError(AuthenticationError):
    """The signature of the transfer is wrong: it was not made by the one who it claims."""


class ExpiredError(TransferError):
    """The transfer has expired."""

    kind = "expired"


class ForgedTrailerError(AuthenticationError):
    """The key trailer fails its authentication: it was changed on the way, or forged."""


class ForeignChunkError(AuthenticationError):
    """A chunk does not belong to this transfer, or was changed on the way."""


class ReplayedChunkError(TransferError):
    """A chunk of this transfer comes a second time."""

    kind = "replayed"


class ReorderedChunkError(TransferError):
    """The chunks of this transfer are not in their order."""

    kind = "reordered"


class TruncatedError(TransferError):
    """The transfer ends before its last chunk."""

    kind = "truncated"


class TrailingChunkError(TransferError):
    """The transfer goes on after its last chunk."""

    kind = "damaged"


class MalformedError(TransferError):
    """The transfer is damaged: its structure makes no sense."""


class DigestError(TransferError):
    """The received file differs from the one that was sent."""


class TooLargeError(TransferError):
    """The transfer is larger than what is accepted here."""

    kind = "too large"
