"""What somebody who searches pictures finds of bytes that are hidden in them.

    python tools/hidden_detection.py                 the demonstration's photo, in tiles
    python tools/hidden_detection.py PHOTO.png ...   and these photos, each judged as a whole

The detectors are from the literature. Photos should be of one source and one size.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

import imaging
from imaging import hidden

PHOTO = Path(__file__).resolve().parent / "dialtone" / "data" / "photo.png"
SIZES = (200, 2000, 8000, 20000, hidden.MAX_SECRET)  # bytes hidden
_TILE = 32


def chi_square(samples: np.ndarray) -> float:
    """How well the counts of values 2i and 2i + 1 agree, 0 to 1; near 1 where bits were replaced.

    Source: Westfeld & Pfitzmann, "Attacks on steganographic systems", Information Hiding 1999.
    """
    pairs = np.bincount(samples.ravel(), minlength=256).reshape(-1, 2)
    expected = pairs.mean(axis=1)
    used = expected > 4
    distance = ((pairs[used, 0] - expected[used]) ** 2 / expected[used]).sum()
    return float(stats.chi2.sf(distance, used.sum() - 1))


def sample_pairs(channel: np.ndarray) -> float:
    """The share of samples of (h, w) that replaced bits would have changed.

    Source: Dumitrescu, Wu & Wang, "Detection of LSB steganography via sample pair analysis",
    IEEE Trans. Signal Processing 2003.
    """
    r, s = (part.ravel().astype(np.int64) for part in (channel[:, :-1], channel[:, 1:]))
    even = s % 2 == 0
    x = np.where(even, r < s, r > s).sum()
    y = np.where(even, r > s, r < s).sum()
    z = (r // 2 == s // 2).sum()
    roots = np.roots([2 * z, 2 * (2 * x - len(s)), y - x])
    return float(abs(roots.real).min())


def steps(pixels: np.ndarray) -> np.ndarray:
    """(147,) float64: how often differences of neighbours follow on each other, for each colour.

    Differences are clipped to -3..3, in rows and columns. Source: after Pevny, Bas & Fridrich,
    "Steganalysis by subtractive pixel adjacency matrix", IEEE Trans. Information Forensics and
    Security 2010 (there conditional, of second order and in more directions).
    """
    features = []
    for channel in np.moveaxis(pixels.astype(np.int64), 2, 0):
        table = np.zeros(49)
        for lines in (channel, channel.T):
            step = np.clip(np.diff(lines, axis=1), -3, 3) + 3
            counts = np.bincount((7 * step[:, :-1] + step[:, 1:]).ravel(), minlength=49)
            table += counts / counts.sum()
        features.append(table)
    return np.concatenate(features)


def wrong_guesses(covers: list[np.ndarray], altered: list[np.ndarray]) -> float:
    """Share of pictures that Fisher's linear discriminant takes for the other kind.

    covers, altered  the same pictures, without and with something in them; each pair is judged
                     by what is learned from all the others
    returns          0 (all are told apart) to 0.5 (it could as well toss a coin) or a bit more
    """
    clean = np.array([steps(picture) for picture in covers])
    full = np.array([steps(picture) for picture in altered])
    wrong = 0
    for i in range(len(clean)):
        others = np.arange(len(clean)) != i
        both = np.concatenate((clean[others], full[others]))
        middle, scale = both.mean(axis=0), both.std(axis=0) + 1e-12
        a, b = ((part - middle) / scale for part in (clean, full))
        scatter = np.cov(a[others].T) + np.cov(b[others].T)
        scatter += 1e-3 * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
        direction = np.linalg.solve(scatter, (b - a)[others].mean(axis=0))
        wrong += int(a[i] @ direction > 0) + int(b[i] @ direction <= 0)
    return wrong / (2 * len(clean))


def tiles(pixels: np.ndarray) -> list[np.ndarray]:
    """Squares of 32 pixels a side, row by row."""
    height, width = (side // _TILE * _TILE for side in pixels.shape[:2])
    starts = [(y, x) for y in range(0, height, _TILE) for x in range(0, width, _TILE)]
    return [pixels[y : y + _TILE, x : x + _TILE] for y, x in starts]


def altered(pixels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """The picture with `size` random bytes in it, or as many as it holds."""
    rng = np.random.default_rng(seed)
    return hidden.hide(pixels, rng.bytes(min(size, hidden.capacity(pixels))), rng.bytes(8))


def overwritten(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Random bits put in the place of the lowest ones, so many that as many samples change."""
    rng = np.random.default_rng(0)
    chosen = rng.random(pixels.shape) < 2 * np.mean(pixels != like)
    bits = rng.integers(0, 2, pixels.shape, np.uint8)
    return np.where(chosen, pixels & 0xFE | bits, pixels)


def one_photo() -> Table:
    """Every detector on the photo of the demonstration."""
    photo = imaging.load(PHOTO).pixels
    key, full = (altered(photo, size, 1) for size in (200, hidden.MAX_SECRET))
    kinds = {"nothing": photo, "200 bytes": key, "full": full, "replaced": overwritten(photo, full)}
    table = Table("", *kinds)

    def channels(pixels: np.ndarray, judge: Callable[[np.ndarray], float]) -> str:
        found = [judge(pixels[:, :, channel]) for channel in range(3)]
        return f"{min(found):.3f} to {max(found):.3f}"

    changed = [f"{np.mean(photo != pixels):.1%}" for pixels in kinds.values()]
    table.add_row("samples changed", *changed)
    table.add_row("PSNR [dB]", *(f"{hidden.psnr(photo, pixels):.1f}" for pixels in kinds.values()))
    table.add_row("chi-square", *(channels(pixels, chi_square) for pixels in kinds.values()))
    table.add_row("sample pairs", *(channels(pixels, sample_pairs) for pixels in kinds.values()))
    wrong = [
        f"{wrong_guesses(tiles(photo), tiles(pixels)):.0%}" for pixels in list(kinds.values())[1:]
    ]
    table.add_row("tiles judged wrongly", "", *wrong)
    return table


def many_photos(paths: Sequence[Path]) -> Table:
    """Photos judged as a whole, each by what is learned from the others."""
    photos = [imaging.load(path).pixels[:, :, :3] for path in paths]
    table = Table("hidden [bytes]", "samples changed", "PSNR [dB]", "judged wrongly")
    for size in SIZES:
        made = [altered(photo, size, i) for i, photo in enumerate(photos)]
        pairs = list(zip(photos, made, strict=True))
        changed = np.mean([np.mean(a != b) for a, b in pairs])
        likeness = np.mean([hidden.psnr(a, b) for a, b in pairs])
        wrong = wrong_guesses(photos, made)
        table.add_row(f"{size}", f"{changed:.2%}", f"{likeness:.1f}", f"{wrong:.0%}")
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO")
    photos = parser.parse_args(arguments).photos
    console = Console()
    console.print(one_photo())
    if photos:
        console.print(many_photos(photos))


if __name__ == "__main__":
    main()
