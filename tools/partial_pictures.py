"""How much of a fitted picture is sharp while it arrives: the share of its pixels that the first
part of its file decides, for several sizes of the file, as a table.

    python tools/partial_pictures.py                        the photo of the demonstration
    python tools/partial_pictures.py FOLDER/*.png           the mean over others
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from dialtone import kernels
from PIL import Image

PHOTO = Path(__file__).parent / "dialtone/data/photo.png"
BUDGETS = (4_000, 12_000, 40_000)
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


def sharp(picture: np.ndarray, budget: int) -> list[float]:
    """Share of the pixels that are known, at each of SHARES of the bytes.

    picture  (height, width, 3) uint8, fitted to so many bytes
    """
    import imaging
    from imaging.partial import decode_start

    data = imaging.fit(picture, budget).data
    starts = [decode_start(data[: round(share * len(data))], len(data)) for share in SHARES]
    return [0.0 if start is None else float(start.known().mean()) for start in starts]


def table(pictures: Sequence[np.ndarray], budgets: Sequence[int]) -> str:
    """A row of Markdown for each size: the mean over the pictures."""
    heads = ["fitted to", *(f"{share:.0%} of the bytes" for share in SHARES)]
    rows = [heads, ["---"] * len(heads)]
    for budget in budgets:
        means = np.mean([sharp(picture, budget) for picture in pictures], axis=0)
        rows.append([f"{budget / 1000:g} kB", *(f"{mean:.0%}" for mean in means)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE", default=[PHOTO])
    parser.add_argument("--bytes", nargs="+", type=int, default=BUDGETS, dest="budgets")
    options = parser.parse_args(arguments)
    kernels.prepare()
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in options.pictures]
    print(table(pictures, options.budgets))


if __name__ == "__main__":
    main()
