"""What `calibrate --listen` says of a level."""

import numpy as np
import pytest
from dialtone.calibration.levels import Levels

RATE = 48000


@pytest.mark.parametrize(
    ("peak", "limit", "said"),
    [
        (0.3, 1.0, "good"),
        (2.0, 1.0, "turn the input down: "),
        (2.0, 0.5, "clip ahead of the input"),
        (0.95, 1.0, "close to full scale"),
        (0.01, 1.0, "turn the input or the other side up"),
        (0.0, 1.0, "nothing is heard"),
    ],
)
def test_levels_while_listening(peak: float, limit: float, said: str) -> None:
    x = np.random.default_rng(8).standard_normal(3 * RATE)
    x = np.clip(x / np.abs(x).max() * peak, -limit, limit).astype(np.float32)
    levels = Levels(RATE)
    for chunk in np.array_split(x, 30):
        levels.add(np.stack((chunk, 0 * chunk), axis=1))
    assert said in levels.verdict()
    assert levels.seconds == pytest.approx(3)
    assert (levels.facts()["clipped"] > 0) == (peak > limit)


@pytest.mark.parametrize(
    ("level", "hertz", "offset", "said"),
    [
        (0.3, 1000, 0.0, "good"),  # a tone to set levels by
        (0.01, 50, 0.0, "turn the input or the other side up"),  # hum
        (0.0001, 1000, 0.3, "nothing is heard"),
        (0.0, 1000, 0.3, "nothing is heard"),
        (0.02, 440, 0.3, "turn the input or the other side up"),
        (0.3, 50, 0.2, "good"),
    ],
)
def test_tones_and_offsets_are_no_clipping(
    level: float, hertz: float, offset: float, said: str
) -> None:
    levels = Levels(RATE)
    time = np.arange(2 * RATE) / RATE
    levels.add((offset + level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[:, None])
    assert said in levels.verdict()
    assert levels.facts()["clipped"] == 0


@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_a_tone_that_was_cut_off_is_clipping(offset: float) -> None:
    levels = Levels(RATE)
    tone = np.clip(np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE), -0.7, 0.7)
    levels.add((offset + 0.5 * tone).astype(np.float32)[:, None])
    assert "clip ahead of the input" in levels.verdict()
    assert levels.facts()["clipped"] == pytest.approx(2 / np.pi * np.arccos(0.7), abs=0.01)
