"""Small pictures of what arrived, drawn again by a process of their own.

What strangers send is not shown to a browser, nor decoded inside the daemon: a child with bounded
memory and time reads the picture and writes a new one. Whatever goes wrong there, a decoder that
crashes included, means that there is no thumbnail.

As a program: `python -P -m dialtone.monitor.thumbnails EDGE`, a picture on stdin, WebP on stdout.
"""

import io
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable

from dialtone import apart

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "TIFF", "BMP", "PPM")
_PIXELS_MAX = 50_000_000
_MEMORY_MAX = 1 << 30
_SECONDS_MAX = 15
_QUALITY = 82
_KEPT = 200


class Thumbnails:
    """Makes thumbnails, one at a time, and keeps the last ones.

    longest  the longer side [pixels]
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._kept: OrderedDict[str, bytes | None] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, read: Callable[[], bytes]) -> bytes | None:
        """WebP of the picture that `read` gives; None where it is none, or refuses to be drawn.

        key  stands for the content; what was made for it once is not made again
        """
        with self._lock:
            if key not in self._kept:
                words = (str(self._longest),)
                self._kept[key] = apart.answer(__name__, words, read(), _SECONDS_MAX)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


def _draw(data: bytes, longest: int) -> bytes:
    """The same picture, upright, with its longer side of at most so many pixels, as WebP."""
    from PIL import Image, ImageOps

    apart.bound(_MEMORY_MAX, _SECONDS_MAX)
    image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
    if image.width * image.height > _PIXELS_MAX:
        raise ValueError(f"more than {_PIXELS_MAX} pixels")
    image.draft(None, (longest, longest))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    image = image.convert("RGBA" if "A" in image.getbands() or image.mode == "P" else "RGB")
    image.thumbnail((longest, longest))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY)
    return out.getvalue()


if __name__ == "__main__":
    sys.stdout.buffer.write(_draw(sys.stdin.buffer.read(), int(sys.argv[1])))
