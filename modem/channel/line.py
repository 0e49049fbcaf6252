"""What analogue circuits do: gain, overload, polarity, band limits, echoes, automatic gain."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modem.channel.signal import Samples, Signal

_BLOCK = 1 << 20

# Together these keep within the transmission mask of a PCM voice channel (ITU-T G.712) when the
# band is 300-3400 Hz: +-0.5 dB inside, 14 dB down at 4000 Hz, 32 dB at 4600 Hz.
_RIPPLE_DB = 0.2
_HIGH_PASS_ORDER = 4
_LOW_PASS_ORDER = 6
_STOP_DB = 40.0
_OVERSAMPLING = 8
_RINGING_CYCLES = 100

_AGC_BLOCK_S = 0.005
_AGC_ATTACK_S = 0.02
_AGC_RELEASE_S = 0.5
_AGC_MAX_DB = 20.0
_AGC_FREEZE_DBFS = -55.0


def gain(signal: Signal, _rng: np.random.Generator, gain_db: float) -> Signal:
    """Louder or softer; nothing is clipped."""
    return signal.holding(signal.samples * np.float32(10 ** (gain_db / 20)))


def invert(signal: Signal, _rng: np.random.Generator) -> Signal:
    """Polarity reversed."""
    return signal.holding(-signal.samples)


def clip(signal: Signal, _rng: np.random.Generator, depth_db: float) -> Signal:
    """Hard clipping `depth_db` below the highest peak: an input that is so much overdriven."""
    if signal.samples.size == 0:
        return signal
    peak = max(float(signal.samples.max()), -float(signal.samples.min()))
    limit = np.float32(peak * 10 ** (-depth_db / 20))
    return signal.holding(np.clip(signal.samples, -limit, limit))


def band(signal: Signal, _rng: np.random.Generator, low_hz: float, high_hz: float) -> Signal:
    """Flat within 0.4 dB from low to high, then steep: the filters of a telephone line card.

    Chebyshev high pass of order 4 and elliptic low pass of order 6 (40 dB), both of minimum
    phase, so the delay rises towards the edges as on a real line. The response is the analogue
    one at every sample rate. low = 0 leaves out the high pass; a high edge at or above half the
    sample rate leaves out the low pass.
    """
    from scipy.signal import cheby1

    x = signal.samples
    nyquist = signal.sample_rate / 2
    if low_hz >= nyquist:
        return signal.holding(np.zeros_like(x))
    if low_hz > 0:
        edge = low_hz / nyquist
        x = filtered(x, cheby1(_HIGH_PASS_ORDER, _RIPPLE_DB, edge, "highpass", output="sos"))
    if high_hz < nyquist:
        x = _low_pass(x, signal.sample_rate, high_hz)
    return signal.holding(x)


def _low_pass(x: Samples, sample_rate: int, edge_hz: float) -> Samples:
    """The analogue low pass: designed far above the edge, where a digital filter does not warp.

    When the signal's own rate is too low for that, the response is sampled at a multiple of it
    and brought down, which is exact for what the signal can hold.
    """
    from scipy.signal import ellip, oaconvolve, sosfilt

    from modem.channel import sinc

    over = math.ceil(_OVERSAMPLING * edge_hz / sample_rate)
    edge = edge_hz / (over * sample_rate / 2)
    sections = ellip(_LOW_PASS_ORDER, _RIPPLE_DB, _STOP_DB, edge, output="sos")
    if over == 1 or x.size == 0:
        return filtered(x, sections)
    # Brought down, the response begins before its origin by the length of the interpolator.
    lead = sinc.HALF_TAPS * over
    impulse = np.zeros(lead + round(_RINGING_CYCLES / edge_hz * over * sample_rate))
    impulse[lead] = over
    response = sinc.resample(sosfilt(sections, impulse).astype(np.float32), 1 / over)
    return oaconvolve(x, response)[sinc.HALF_TAPS : sinc.HALF_TAPS + x.size]


def highpass(signal: Signal, _rng: np.random.Generator, corner_hz: float) -> Signal:
    """First-order high pass, -3 dB at the corner: the coupling capacitor of a sound card."""
    from scipy.signal import butter

    corner = min(corner_hz / (signal.sample_rate / 2), 0.99)
    return signal.holding(filtered(signal.samples, butter(1, corner, "highpass", output="sos")))


def filtered(samples: Samples, sections: NDArray[np.float64]) -> Samples:
    """Through second-order sections in double precision, block by block to bound memory."""
    from scipy.signal import sosfilt

    state = np.zeros((len(sections), 2))
    out = np.empty(samples.size, np.float32)
    for start in range(0, samples.size, _BLOCK):
        block = samples[start : start + _BLOCK].astype(np.float64)
        out[start : start + _BLOCK], state = sosfilt(sections, block, zi=state)
    return out


def echo(signal: Signal, _rng: np.random.Generator, paths: Sequence[tuple[float, float]]) -> Signal:
    """Later copies added: (delay [s], gain [dB]) each, delays rounded to whole samples.

    The output is longer than the input by the longest delay.
    """
    delays = [round(delay_s * signal.sample_rate) for delay_s, _ in paths]
    out = np.zeros(signal.samples.size + max(delays), np.float32)
    out[: signal.samples.size] = signal.samples
    for delay, (_, gain_db) in zip(delays, paths, strict=True):
        out[delay : delay + signal.samples.size] += signal.samples * np.float32(
            10 ** (gain_db / 20)
        )
    return signal.holding(out)


def room(signal: Signal, rng: np.random.Generator, rt60_s: float) -> Signal:
    """A room between loudspeaker and microphone.

    A direct path and, from 3 ms on, a diffuse tail of random sign that decays by 60 dB in rt60_s
    and carries as much energy as the direct path; static. The output is rt60_s longer.
    """
    from scipy.signal import oaconvolve

    fs = signal.sample_rate
    if signal.samples.size == 0:
        return signal
    times = np.arange(max(2, round(rt60_s * fs))) / fs
    response = rng.standard_normal(times.size) * 10 ** (-3 * times / rt60_s)
    response[times < min(0.003, rt60_s / 2)] = 0
    response /= math.sqrt(float(np.sum(response**2)))
    response[0] = 1
    return signal.holding(oaconvolve(signal.samples, response.astype(np.float32)))


def agc(signal: Signal, _rng: np.random.Generator, target_dbfs: float) -> Signal:
    """Automatic gain towards an rms of target_dbfs, within 20 dB up or down.

    The level is followed with 20 ms upwards and 500 ms downwards in steps of 5 ms; below -55 dBFS
    the gain is held, so silence is not pumped up.
    """
    x = signal.samples
    step = max(1, round(_AGC_BLOCK_S * signal.sample_rate))
    count = -(-x.size // step)
    if count == 0:
        return signal
    rise = 1 - math.exp(-_AGC_BLOCK_S / _AGC_ATTACK_S)
    fall = 1 - math.exp(-_AGC_BLOCK_S / _AGC_RELEASE_S)
    level = 10 ** (target_dbfs / 10)
    freeze = 10 ** (_AGC_FREEZE_DBFS / 10)
    gains = np.empty(count + 1)
    current = gains[0] = 0.0
    for i in range(count):
        block = x[i * step : (i + 1) * step]
        power = float(np.dot(block, block)) / block.size
        if power > freeze:
            level += (rise if power > level else fall) * (power - level)
            wanted = target_dbfs - 10 * math.log10(level)
            current = min(max(wanted, -_AGC_MAX_DB), _AGC_MAX_DB)
        gains[i + 1] = current
    out = np.empty_like(x)
    ramp = np.arange(step) / step
    for i in range(count):
        curve = gains[i] + (gains[i + 1] - gains[i]) * ramp
        block = x[i * step : (i + 1) * step]
        out[i * step : i * step + block.size] = block * 10 ** (curve[: block.size] / 20)
    return signal.holding(out)
