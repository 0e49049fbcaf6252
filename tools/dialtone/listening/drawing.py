"""Pictures that are still arriving, drawn by a process of their own.

What has come of them is not verified: anybody who can be heard may have changed it. So no decoder
is given it inside the daemon, which has to go on for months.

As a program: `python -m dialtone.listening.drawing`, on stdin the size of the file (8 bytes,
big-endian, 0 for unknown), the length of the preview (1), the preview and the beginning of the
file; WebP on stdout.
"""

import sys
from typing import TYPE_CHECKING

from dialtone import apart
from imaging.unfinished import kind_of

if TYPE_CHECKING:
    from framing import Partial

_SIZE_BYTES = 8
_PREVIEWED = ("image/avif", "image/webp")  # framing/README.md: what a preview is one of
_LONGEST = 640  # pixels, as the thumbnails beside them
_MEMORY_MAX = 768 << 20
_SECONDS_MAX = 5


def draw(partial: "Partial") -> bytes | None:
    """A WebP file that shows what is there of a picture, marked as not verified; None where there
    is nothing to show, or its decoder fails. Takes up to 5 s."""
    preview = partial.preview if partial.media in _PREVIEWED else b""
    if not preview and kind_of(partial.data) is None:
        return None
    size = (partial.size or 0).to_bytes(_SIZE_BYTES, "big")
    data = size + bytes([len(preview)]) + preview + partial.data
    return apart.answer(__name__, (), data, _SECONDS_MAX)


def _drawn(data: bytes) -> bytes:
    from imaging.partial import draw_partial

    apart.bound(_MEMORY_MAX, _SECONDS_MAX)
    at = _SIZE_BYTES + 1
    end = at + data[_SIZE_BYTES]
    size = int.from_bytes(data[:_SIZE_BYTES], "big") or None
    return draw_partial(data[end:], size, data[at:end], _LONGEST) or b""


if __name__ == "__main__":
    sys.stdout.buffer.write(_drawn(sys.stdin.buffer.read()))
