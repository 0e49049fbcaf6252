"""Clocks: sample-rate error, other sample rates, jitter-buffer slips."""

import numpy as np

from modem.channel.signal import Signal


def skew(signal: Signal, _rng: np.random.Generator, ppm: float) -> Signal:
    """The receiver's clock runs `ppm` fast against the sender's.

    There are 1 + ppm*1e-6 times as many samples, and a tone of f Hz is heard at
    f / (1 + ppm*1e-6). True band-limited resampling, clean to 0.95 of Nyquist.
    """
    from modem.channel import sinc

    return signal.holding(sinc.resample(signal.samples, 1 + ppm * 1e-6))


def rate(signal: Signal, _rng: np.random.Generator, sample_rate: float) -> Signal:
    """The same sound at another sample rate; the only step that changes the rate."""
    return at_rate(signal, round(sample_rate))


def at_rate(signal: Signal, sample_rate: int) -> Signal:
    """Resampled to sample_rate; unchanged when it already has it."""
    from modem.channel import sinc

    samples = sinc.resample(signal.samples, sample_rate / signal.sample_rate)
    return Signal(samples, sample_rate)


def slip(signal: Signal, rng: np.random.Generator, length_s: float, period_s: float) -> Signal:
    """Every period, in turn, `length` is removed or repeated, as a jitter buffer does.

    The first slip, a removal, comes at a random time within the first period.
    """
    fs = signal.sample_rate
    length = round(length_s * fs)
    at = rng.uniform(0, period_s)
    pieces = []
    kept = 0
    removing = True
    while (position := round(at * fs)) + length <= signal.samples.size:
        if removing:
            pieces.append(signal.samples[kept:position])
            kept = position + length
        else:
            pieces.append(signal.samples[kept : position + length])
            kept = position
        removing = not removing
        at += period_s
    pieces.append(signal.samples[kept:])
    return signal.holding(np.concatenate(pieces))
