"""Transmissions to listen to, and a listener that sorts what a receiver reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

import modem
from modem.channel import parse

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Sent:
    """One whole transmission and the packets that are in it."""

    samples: Samples
    rate: int
    packets: tuple[bytes, ...]
    profile: modem.Profile
    speed: modem.Speed

    def through(self, spec: str, seed: int = 1) -> tuple[Samples, int]:
        """Samples and sample rate behind a simulated channel."""
        return parse(spec, seed).apply(self.samples, self.rate)


@dataclass(frozen=True)
class Heard:
    """All events of one reception."""

    events: tuple[modem.Event, ...]

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def packets(self) -> tuple[bytes, ...]:
        return tuple(event.data for event in self.of(modem.Packet))

    @property
    def names(self) -> list[str]:
        """Kinds of the events in their order, packets left out."""
        return [type(e).__name__ for e in self.events if not isinstance(e, modem.Packet)]


@lru_cache(maxsize=24)
def make(name: str, speed: int | None, count: int, seed: int) -> Sent:
    profile = modem.profiles[name]
    tx = modem.Transmitter(profile, speed)
    rng = np.random.default_rng(seed)
    packets = tuple(rng.bytes(tx.packet_bytes) for _ in range(count))
    samples = np.concatenate((tx.process(packets), tx.flush()))
    samples.flags.writeable = False
    return Sent(samples, profile.sample_rate, packets, profile, profile.speed(speed))


@pytest.fixture(scope="session")
def send() -> Callable[..., Sent]:
    """send(profile, speed=None, superframes=1, extra=0, seed=0): so many full superframes of
    random packets and `extra` packets more."""

    def send(
        name: str, speed: int | None = None, superframes: int = 1, extra: int = 0, seed: int = 0
    ) -> Sent:
        count = superframes * modem.profiles[name].speed(speed).blocks + extra
        return make(name, speed, count, seed)

    return send


@pytest.fixture(scope="session")
def listen() -> Callable[..., Heard]:
    """listen(samples, rate, chunk=None): a new receiver's events, samples cut into chunks."""

    def listen(samples: Samples, rate: int, chunk: int | None = None) -> Heard:
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        rx = modem.Receiver(rate, channels)
        events: list[modem.Event] = []
        for start in range(0, len(samples), chunk or len(samples) or 1):
            events += rx.process(samples[start : start + (chunk or len(samples))])
        return Heard(tuple(events + rx.flush()))

    return listen


def pause(seconds: float, rate: int) -> Samples:
    return np.zeros(round(seconds * rate), np.float32)


@pytest.fixture(scope="session")
def join() -> Callable[[Sequence[Samples], int, float], Samples]:
    """join(parts, rate, gap_s): the parts one after another with silence around each."""

    def join(parts: Sequence[Samples], rate: int, gap_s: float) -> Samples:
        gap = pause(gap_s, rate)
        return np.concatenate([gap, *(piece for part in parts for piece in (part, gap))])

    return join
