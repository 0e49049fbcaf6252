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


class KeyMaterialError(FramingError):
    """The key cannot be used."""

    kind: ClassVar[str] = "key"


class KeyTextError(KeyMaterialError):
    """This is not a key of Dialtone, or it was changed."""


class WrongPassphraseError(KeyMaterialError):
    """The passphrase does not open this identity."""


class WrongIdentityError(KeyMaterialError):
    """This one-time key belongs to another identity, or was changed."""


class ForgedStatementError(KeyMaterialError):
    """The signature is not the one of the key that it names: it was forged."""

    kind = "authentication"


class DamagedShareError(KeyMaterialError):
    """This share is damaged: its value is not the one that the key was split into."""

    def __init__(self, index: int) -> None:
        super().__init__(
            f"Share {index} is damaged: its value is not the one that the key was split into."
        )
        self.index = index


class ForeignShareError(KeyMaterialError):
    """These shares are not of the same key."""

    def __init__(self, index: int, set_id: bytes) -> None:
        """index, set_id: number and set (16 bytes) of the share that does not belong."""
        super().__init__(f"Share {index} belongs to another key than the other shares.")
        self.index = index
        self.set_id = set_id


class WrongSharesError(KeyMaterialError):
    """These shares join another key than they should: they are of another set, or were made wrong
    from the start."""


class MissingShareError(KeyMaterialError):
    """There are not enough shares to join the key."""

    def __init__(self, there: int = 0, needed: int = 2, missing: tuple[int, ...] = ()) -> None:
        """there: shares at hand; needed: shares that it takes; missing: numbers of the others."""
        if not there:
            reason = "There is no share to join."
        else:
            some = needed - there
            reason = (
                f"{there} of {needed} shares {'is' if there == 1 else 'are'} there; "
                f"{'one' if some == 1 else some} of {_numbers(missing)} "
                f"{'is' if some == 1 else 'are'} missing."
            )
        super().__init__(reason)
        self.needed = needed
        self.missing = missing


def _numbers(ascending: tuple[int, ...]) -> str:
    """2, 4 to 9, 11"""
    runs: list[list[int]] = []
    for number in ascending:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 3 else [str(number) for number in run]
    return ", ".join(parts)
