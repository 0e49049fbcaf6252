"""Keys as text: a prefix, then base32 of the data and of four bytes that find slips of the pen.

One text for one data: base32 that another encoder would have written otherwise is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from framing.errors import KeyTextError

KEY = "dialtone-key-"
IDENTITY = "dialtone-identity-"
SHARE = "dialtone-share-"
ONE_TIME = "dialtone-onetime-"
REVOKED = "dialtone-revoked-"

_NAMES = {
    KEY: "a public key",
    IDENTITY: "an identity, which is a private key",
    SHARE: "a share of a key",
    ONE_TIME: "a set of one-time keys",
    REVOKED: "a revocation",
}
_TEXT_MAX = 1 << 16  # characters, comments counted: the longest of our texts has 13300
_CHECK_BYTES = 4
_SPACE = str.maketrans("", "", " \t\r\n")


def base32(data: bytes) -> str:
    """RFC 4648, section 6, lower case and without padding."""
    return base64.b32encode(data).decode().rstrip("=").lower()


def encode(prefix: str, data: bytes) -> str:
    """The text, one line in lower case."""
    return prefix + base32(data + _check(prefix, data))


def decode(text: str) -> tuple[str, bytes]:
    """(prefix, data) of a text, which may hold # lines and white space. Raises KeyTextError."""
    if len(text) > _TEXT_MAX:
        raise KeyTextError("This text is too long to be a key.")
    lines = [line.strip(" \t") for line in text.replace("\r", "\n").split("\n")]
    compact = "".join(line for line in lines if not line.startswith("#")).translate(_SPACE)
    # Some other letters become ASCII where the case changes: U+212A is one more K.
    if not compact.isascii():
        raise KeyTextError
    compact = compact.lower()
    prefix = next((known for known in _NAMES if compact.startswith(known)), None)
    if prefix is None:
        raise KeyTextError("This is not a key of Dialtone.")
    body = compact.removeprefix(prefix)
    try:
        whole = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    except binascii.Error:
        raise _changed(prefix) from None
    data, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if base32(whole) != body or not data or check != _check(prefix, data):
        raise _changed(prefix)
    return prefix, data


def decode_as(prefix: str, text: str) -> bytes:
    """The data of a text that has to have this prefix. Raises KeyTextError."""
    found, data = decode(text)
    if found != prefix:
        raise KeyTextError(f"This is {_NAMES[found]}, not {_NAMES[prefix]}.")
    return data


def _check(prefix: str, data: bytes) -> bytes:
    return hashlib.sha256(prefix.encode() + data).digest()[:_CHECK_BYTES]


def _changed(prefix: str) -> KeyTextError:
    return KeyTextError(f"This is {_NAMES[prefix]} that is not complete, or was changed.")
