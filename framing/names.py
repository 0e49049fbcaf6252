"""File names from strangers: whatever was sent, a harmless name inside the folder comes out."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator

NAME_BYTES_MAX = 255  # of UTF-8, the limit of the usual file systems
FALLBACK = "received"
_COPIES_MAX = 9999
_SUFFIX_BYTES = len(f" ({_COPIES_MAX})")
_EXTENSION_BYTES_MAX = 32
_READ_MAX = 1024  # characters looked at: to order thousands of accents takes a second

_FORBIDDEN = set('<>:"|?*')  # not allowed on Windows shares and FAT
_RESERVED = {"CON", "PRN", "AUX", "NUL"} | {f"{d}{n}" for d in ("COM", "LPT") for n in range(10)}
# Control and format characters (bidirectional overrides hide extensions), surrogates,
# line and paragraph separators, unassigned.
_BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}


def safe_name(name: str) -> str:
    """The base name without anything that could surprise; "received" where nothing is left.

    What the file system's encoding does not know becomes "_". At most 255 bytes of UTF-8 (NFC)
    even with " (9999)" put before its extension.
    """
    base = name.replace("\\", "/").rsplit("/", 1)[-1][:_READ_MAX]
    base = unicodedata.normalize("NFC", base)
    kept = "".join(c for c in base if unicodedata.category(c) not in _BAD_CATEGORIES)
    encoding = sys.getfilesystemencoding()
    kept = kept.encode(encoding, "replace").decode(encoding)  # with "?", which is forbidden
    kept = "".join("_" if c in _FORBIDDEN else c for c in kept)
    kept = _shorten(kept.lstrip(". ").rstrip(". "))
    if kept.split(".", 1)[0].rstrip().upper() in _RESERVED:
        kept = "_" + kept
    return kept or FALLBACK


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) >= _EXTENSION_BYTES_MAX:
        return name, ""
    return stem, dot + extension


def _shorten(name: str) -> str:
    stem, extension = _split(name)
    room = NAME_BYTES_MAX - _SUFFIX_BYTES - 1 - len(extension.encode())
    if len(stem.encode()) <= room:
        return name
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + extension


def candidates(name: str) -> Iterator[str]:
    """The safe name itself, then "name (1).ext" and so on."""
    yield name
    stem, extension = _split(name)
    for copy in range(1, _COPIES_MAX + 1):
        yield f"{stem} ({copy}){extension}"
