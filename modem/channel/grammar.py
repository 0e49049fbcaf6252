"""Channel specifications: `g711u,awgn=35,skew=80` to a chain of steps and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modem.channel.signal import ChannelError, Samples, Signal
from modem.channel.steps import bundles, steps


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a channel with its values; text is how it was written."""

    name: str
    text: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """A chain of steps, applied from left to right.

    Deterministic: each step draws from a generator of its own, made from the seed and the step's
    position (bundles expanded), so a change to one step leaves the randomness of the others.
    """

    links: tuple[Link, ...]
    seed: int

    def apply(self, samples: ArrayLike, sample_rate: int) -> tuple[Samples, int]:
        """Send samples through the channel.

        samples      (n,) or (n, channels) float, full scale 1; not changed
        sample_rate  [Hz], positive
        returns      float32 samples, contiguous, not clipped, and their sample rate
        Raises ChannelError when a step cannot be carried out on this signal.
        """
        x = np.array(samples, dtype=np.float32, order="C")
        if x.ndim not in (1, 2):
            raise ChannelError(f"samples must be (n,) or (n, channels), got shape {x.shape}")
        if sample_rate < 1:
            raise ChannelError(f"sample_rate must be at least 1 Hz, got {sample_rate}")
        for position, link in enumerate(self.links):
            x, sample_rate = self._step(position, link, x, int(sample_rate))
        return x, sample_rate

    def _step(self, position: int, link: Link, x: Samples, rate: int) -> tuple[Samples, int]:
        if x.ndim == 1 or steps[link.name].together:
            return self._applied(position, link, x, rate, 0)
        sides = [self._applied(position, link, x[:, i], rate, i) for i in range(x.shape[1])]
        if not sides:
            return x, rate
        return np.stack([samples for samples, _ in sides], axis=1), sides[0][1]

    def _applied(
        self, position: int, link: Link, x: Samples, rate: int, side: int
    ) -> tuple[Samples, int]:
        step = steps[link.name]
        key = (position, side) if step.per_side and side else (position,)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
        try:
            return step.function(Signal(np.ascontiguousarray(x), rate), rng, *link.values)
        except ChannelError as error:
            raise ChannelError(f"'{link.text}' cannot be applied: {error}") from error

    def __str__(self) -> str:
        return ",".join(link.text for link in self.links)


def parse(spec: str, seed: int = 0) -> Channel:
    """Read a channel specification.

    spec  steps and bundles separated by commas; empty for a channel that changes nothing
    seed  >= 0; the same seed gives the same noise, losses and phases again
    Raises ChannelError with a sentence that names the part it does not understand.
    """
    if seed < 0:
        raise ChannelError(f"seed must be at least 0, got {seed}")
    links: list[Link] = []
    if spec.strip():
        for part in spec.split(","):
            links.extend(_links(part.strip()))
    return Channel(tuple(links), seed)


def _links(part: str) -> list[Link]:
    name, mark, text = part.partition("=")
    name = name.strip().lower()
    if not mark and name in bundles:
        return [link for inner in bundles[name].split(",") for link in _links(inner)]
    if name not in steps:
        what = f"no channel step is called '{part}'" if name else "a channel step is empty"
        raise ChannelError(
            f"{what}; there are {', '.join(sorted(steps))}, "
            f"and the bundles {', '.join(sorted(bundles))}"
        )
    step = steps[name]
    try:
        values = step.value.read(text.strip() if mark else None)
    except ChannelError as error:
        raise ChannelError(f"in '{part}': {name} {error}, as in {step.example}") from error
    return [Link(name, part, values)]
