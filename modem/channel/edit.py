"""What happens to a recording before anyone listens: silence around it, ends cut off, sides."""

import numpy as np

from modem.channel.signal import ChannelError, Signal


def silence(signal: Signal, _rng: np.random.Generator, before_s: float, after_s: float) -> Signal:
    """Digital silence ahead of the signal and behind it; later steps may add noise to it."""
    before = np.zeros(round(before_s * signal.sample_rate), np.float32)
    after = np.zeros(round(after_s * signal.sample_rate), np.float32)
    return signal.holding(np.concatenate((before, signal.samples, after)))


def cut(signal: Signal, _rng: np.random.Generator, start_s: float, end_s: float) -> Signal:
    """So many seconds cut off at the start and at the end; nothing is left of a shorter one."""
    first = round(start_s * signal.sample_rate)
    last = signal.samples.size - round(end_s * signal.sample_rate)
    return signal.holding(signal.samples[first : max(first, last)])


def stereo(signal: Signal, _rng: np.random.Generator, side: str) -> Signal:
    """Two channels, (n, 2): the signal on one side and silence on the other."""
    if signal.samples.ndim != 1:
        raise ChannelError("it needs a mono signal, this one has several channels already")
    out = np.zeros((signal.samples.size, 2), np.float32)
    out[:, 0 if side == "left" else 1] = signal.samples
    return signal.holding(out)


def crosstalk(signal: Signal, _rng: np.random.Generator, gain_db: float) -> Signal:
    """Each of two sides gets the other one's signal added, at gain_db."""
    x = signal.samples
    if x.ndim != 2 or x.shape[1] != 2:
        raise ChannelError("it needs a stereo signal of two channels")
    return signal.holding(x + np.float32(10 ** (gain_db / 20)) * x[:, ::-1])
