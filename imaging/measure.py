"""Sizes of exactly coded pictures beside PNG and WebP: python -m imaging.measure PATH..."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from .exact import decode_exact, encode_exact
from .pictures import load, save_png

_METHODS = ("stored", "predicted", "repeats")


def _webp(pixels: np.ndarray) -> int:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=100, method=6, exact=True)
    return file.tell()


def _files(arguments: list[str]) -> Iterator[Path]:
    for argument in map(Path, arguments):
        yield from sorted(argument.glob("*.png")) if argument.is_dir() else (argument,)


def main(arguments: list[str]) -> None:
    """Print a table, a row for each picture and one of totals; speeds are of CPU time."""
    encode_exact(np.zeros((2, 2, 3), np.uint8))  # compiles
    print(f"{'picture':24}{'pixels':>12}{'file':>10}{'PNG':>10}{'WebP':>10}{'exact':>10}"
          f"{'/file':>7}{'/PNG':>7}{'enc MB/s':>10}{'dec MB/s':>10}  method")  # fmt: skip
    totals = np.zeros(7)
    for path in _files(arguments):
        pixels = load(path).pixels
        start = time.process_time()
        data = encode_exact(pixels)
        encoded = time.process_time()
        back = decode_exact(data)
        decoded = time.process_time()
        if not np.array_equal(back, pixels):
            raise SystemExit(f"{path}: pixels changed")
        sizes = (path.stat().st_size, len(save_png(pixels)), _webp(pixels), len(data))
        row = np.array([*sizes, pixels.nbytes, encoded - start, decoded - encoded])
        totals += row
        _print(path.name, f"{pixels.shape[1]}x{pixels.shape[0]}", row, _METHODS[data[5]])
    if totals.any():
        _print("all", "", totals, "")


def _print(name: str, pixels: str, row: np.ndarray, method: str) -> None:
    file, png, webp, exact, pixel_bytes, encoding, decoding = row
    print(
        f"{name[:23]:24}{pixels:>12}{file:10.0f}{png:10.0f}{webp:10.0f}{exact:10.0f}"
        f"{exact / file:7.3f}{exact / png:7.3f}{pixel_bytes / encoding / 1e6:10.1f}"
        f"{pixel_bytes / decoding / 1e6:10.1f}  {method}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
