"""Detectors of hidden bits, from the literature: what somebody who searches pictures would try."""

from __future__ import annotations

import numpy as np
from scipy import stats


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
