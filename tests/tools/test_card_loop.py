"""A loop over sound cards, of which nothing but the sound cards is missing."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
from dialtone.calibration import loop
from dialtone.soundcard.devices import Device

RATE = 48000
CARD = Device(3, "card", "ALSA", 2, 2, RATE, default_input=True, default_output=True, rates=())


class Cable:
    """What is played is heard at once, and a silence ahead as the card wakes up."""

    def __init__(self) -> None:
        self.sound = np.zeros((0, 2), np.float32)


class FakeCapture:
    device, sample_rate, channels, overruns = CARD, RATE, 2, 0
    cable = Cable()
    blocks: Callable[[], int] = staticmethod(lambda: 0)

    def __init__(self, *_: object) -> None: ...

    def read(self, timeout_s: float) -> np.ndarray:
        """What was played; where it is waited for and nothing is, silence."""
        heard, self.cable.sound = self.cable.sound, self.cable.sound[:0]
        if not len(heard) and timeout_s:
            return np.zeros((self.blocks() or RATE // 20, 2), np.float32)
        return heard

    def close(self) -> None: ...


class FakePlayback:
    underruns, played_s = 0, 0.0

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "FakePlayback":
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, samples: np.ndarray) -> None:
        cable = FakeCapture.cable
        cable.sound = np.concatenate((cable.sound, np.broadcast_to(samples, (len(samples), 2))))

    def drain(self, tell: Callable[[], None]) -> None:
        tell()


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "devices", lambda: [CARD])
    monkeypatch.setattr(loop, "Capture", FakeCapture)
    monkeypatch.setattr(loop, "Playback", FakePlayback)


def silent(done: float, note: str = "", **facts: Any) -> None:
    """A meter that nobody looks at."""


def test_a_way_without_delay_has_none(cards: None) -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (RATE, 2)).astype(np.float32)
    with loop.CardLoop(None, None, None) as card:
        heard = card.play(samples, RATE, 20e3, silent)
        assert np.array_equal(heard[:RATE], samples)
        short = len(heard)
        card.tail_s += 1.5
        assert len(card.play(samples, RATE, 20e3, silent)) == short + 1.5 * RATE


def test_a_device_of_large_blocks_is_no_backlog(
    cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, reads = count(), count()

    def blocks() -> int:
        assert next(reads) < 100, "it waits for ever"
        return round(0.17 * RATE)

    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(FakeCapture, "blocks", staticmethod(blocks))
    with loop.CardLoop(None, None, None) as card:
        assert len(card.play(np.zeros((100, 2), np.float32), RATE, 20e3, silent))
