"""Levels of sound as all commands show them."""

import math

FULL = 0.999  # of full scale, from where a sample counts as clipped: cards do not all reach it
SILENCE_DBFS = -120.0  # shown for everything fainter, digital silence included


def dbfs(amplitude: float) -> float:
    """Level of an amplitude >= 0, relative to a full scale of 1 [dB]; at least SILENCE_DBFS."""
    return max(20 * math.log10(max(amplitude, 1e-30)), SILENCE_DBFS)
