"""A key in shares: any k of n people together hold it, fewer hold nothing (Shamir 1979).

Each share carries the digests of all, whose digest is the id of the set: so a share that was
changed, or is of another key, is named before it is used.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from Crypto.Protocol.SecretSharing import Shamir

from framing import armor
from framing.errors import (
    DamagedShareError,
    ForeignShareError,
    KeyTextError,
    MissingShareError,
    WrongSharesError,
)
from framing.identity import SEED_BYTES, SET_BYTES, SHARES_MAX, Identity, SplitKey

VALUE_BYTES = SEED_BYTES
DIGEST_BYTES = 16

_VERSION = 1
_HEAD = 4
_DIGESTS_AT = _HEAD + VALUE_BYTES
_HALF = SEED_BYTES // 2  # Shamir works on blocks of 16 bytes


@dataclass(frozen=True, slots=True)
class Share:
    """One of n shares, k of which join the key: 2 <= k <= n <= 255, index 1..n.

    value has 32 bytes and is secret; digests are those of all n shares, 16 bytes each.
    """

    k: int
    n: int
    index: int
    value: bytes = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not (2 <= self.k <= self.n <= SHARES_MAX and 1 <= self.index <= self.n):
            raise ValueError(f"no share {self.index} where {self.k} of {self.n} are needed")
        if len(self.value) != VALUE_BYTES or len(self.digests) != self.n:
            raise ValueError(f"a share has a value of {VALUE_BYTES} bytes and n digests")
        if any(len(digest) != DIGEST_BYTES for digest in self.digests):
            raise ValueError(f"a digest has {DIGEST_BYTES} bytes")

    @property
    def set_id(self) -> bytes:
        """16 bytes that name the set; the public key and the transfer name it too."""
        label = b"dialtone 2 shares" + bytes([self.k, self.n])
        return hashlib.sha256(label + b"".join(self.digests)).digest()[:SET_BYTES]

    @property
    def is_whole(self) -> bool:
        """Whether the value is the one of its digest."""
        return self.digests[self.index - 1] == _digest(self.k, self.n, self.index, self.value)

    def text(self) -> str:
        head = bytes([_VERSION, self.k, self.n, self.index])
        return armor.encode(armor.SHARE, head + self.value + b"".join(self.digests))

    @classmethod
    def parse(cls, text: str) -> Share:
        """Raises KeyTextError, DamagedShareError."""
        data = armor.decode_as(armor.SHARE, text)
        if data[0] != _VERSION:
            raise KeyTextError("This share was made by a newer version of Dialtone.")
        body = data[_DIGESTS_AT:]
        digests = [body[at : at + DIGEST_BYTES] for at in range(0, len(body), DIGEST_BYTES)]
        try:
            k, n, index = data[1:_HEAD]
            share = cls(k, n, index, data[_HEAD:_DIGESTS_AT], tuple(digests))
        except ValueError:
            raise KeyTextError(
                "This share makes no sense: its parts do not fit together."
            ) from None
        if not share.is_whole:
            raise DamagedShareError(index)
        return share


def split(seed: bytes, k: int, n: int) -> list[Share]:
    """The shares 1..n of a seed of 32 bytes; any k join it. 2 <= k <= n <= 255."""
    if len(seed) != SEED_BYTES or not 2 <= k <= n <= SHARES_MAX:
        raise ValueError(f"cannot split {len(seed)} bytes into {n} shares of which {k} join")
    halves = [Shamir.split(k, n, half, ssss=False) for half in (seed[:_HALF], seed[_HALF:])]
    values = [first + second for (_, first), (_, second) in zip(*halves, strict=True)]
    digests = tuple(_digest(k, n, index, value) for index, value in enumerate(values, 1))
    return [Share(k, n, index, value, digests) for index, value in enumerate(values, 1)]


def split_key(identity: Identity, shares: Sequence[Share]) -> SplitKey:
    """The public key of an identity whose seed was split into these shares.

    Raises ForeignShareError.
    """
    _same_set(shares)
    return SplitKey(identity.public.x25519, shares[0].set_id, shares[0].k, shares[0].n)


def join(shares: Sequence[Share], expected: SplitKey | None = None) -> Identity:
    """The identity that was split. A share that is there twice counts once.

    expected  the public key that others have, where it is known. The digests show that no holder
              changed a share; whether the shares were made as they should be, only this key shows
    Raises DamagedShareError, ForeignShareError, MissingShareError, WrongSharesError.
    """
    for share in shares:
        if not share.is_whole:
            raise DamagedShareError(share.index)
    if not shares:
        raise MissingShareError
    _same_set(shares)
    k, n = shares[0].k, shares[0].n
    values = {share.index: share.value for share in shares}
    if len(values) < k:
        missing = tuple(index for index in range(1, n + 1) if index not in values)
        raise MissingShareError(len(values), k, missing)
    some = sorted(values.items())[:k]
    first = Shamir.combine([(index, value[:_HALF]) for index, value in some], ssss=False)
    second = Shamir.combine([(index, value[_HALF:]) for index, value in some], ssss=False)
    identity = Identity(first + second)
    if expected is not None and split_key(identity, shares) != expected:
        raise WrongSharesError
    return identity


def _same_set(shares: Sequence[Share]) -> None:
    """Where the sets differ, the one with most shares is right, of two as large the first."""
    ids = [share.set_id for share in shares]
    common = Counter(ids).most_common(1)[0][0]
    for share, set_id in zip(shares, ids, strict=True):
        if set_id != common:
            raise ForeignShareError(share.index, set_id)


def _digest(k: int, n: int, index: int, value: bytes) -> bytes:
    label = b"dialtone 2 share" + bytes([k, n, index])
    return hashlib.sha256(label + value).digest()[:DIGEST_BYTES]
