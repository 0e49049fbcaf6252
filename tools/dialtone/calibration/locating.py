"""Finds the test sound in a recording, and tells how fast the recording's clock runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialtone.calibration.testsound import HIGH, PERIODS, Floats, TestSound
from modem.sync.resampler import interpolate, interpolation_table

_FOUND = 0.03  # share of a passage's energy that has to be the sweep's
_FINE = 16  # steps of a sample in the first search for a delay
_ROUNDS = 4  # each much closer than the one before
_CLEAR = 8.0  # times the rms of a correlation; chance alone makes 5
_OUTSTANDING = 4.0  # times the median
_SLIP = 1.5  # samples by which periods jump where sound was lost or repeated
_STAYS = 3  # periods
_ALIKE = 0.8  # of the best match, from where the louder channel counts
_FAINT = 1e-30  # that stands for nothing, in single precision too


@dataclass(frozen=True, slots=True)
class Place:
    """Where the test sound lies in a recording.

    offset      what comes ahead of the test sound's first sample [samples of the test sound]
    clock_ppm   positive: the recording has more samples than were played
    slips       how often sound was lost or repeated
    channel     of the recording that hears it best
    """

    offset: float
    clock_ppm: float
    slips: int
    channel: int


def at_rate(recording: NDArray[np.float32], have: int, want: int) -> NDArray[np.float32]:
    """A recording (n, channels) at another rate [Hz]."""
    if have == want:
        return recording
    return read(recording, 0.0, have / want, int(len(recording) * want / have), have, want)


def read(
    recording: NDArray[np.float32], start: float, step: float, count: int, have: int, want: int
) -> NDArray[np.float32]:
    """(count, channels) of a recording at `start`, `start + step`, ... [samples]."""
    table = interpolation_table(have, want, HIGH * min(have, want))
    made = np.empty((count, recording.shape[1]), np.float32)
    starts, steps = np.array([start]), np.array([step])
    for channel in range(recording.shape[1]):
        out = np.empty((1, count), np.float32)
        interpolate(np.ascontiguousarray(recording[:, channel]), table, starts, steps, out)
        made[:, channel] = out[0]
    return made


def locate(recording: NDArray[np.float32], sound: TestSound) -> Place | None:
    """Find the test sound in a recording (n, channels) of the same nominal rate; None without."""
    begun = _begin(recording, sound)
    if begun is None:
        return None
    offset, channel, lane = begun
    heard = recording[:, channel : channel + 1]
    begins = _period_begins(sound)
    step, slips = 1.0, 0
    for turn in range(_ROUNDS):
        x = read(heard, offset, step, sound.length, sound.rate, sound.rate)[:, 0]
        lines = sound.lines[lane]
        spectra = np.array([np.fft.rfft(x[at : at + sound.period])[lines] for at in begins])
        if turn == 0:
            delays, clear = _far_delays(spectra, lines, sound.period)
        else:
            delays = _near_delays(spectra, lines / sound.period)
        weights = np.abs(spectra).mean(axis=1)
        late, drift, slips = _straight(begins[clear], delays[clear], weights[clear])
        offset += late * step
        step *= 1 + drift
        if slips:  # there is no straight line to come closer to
            break
    return Place(offset, (step - 1) * 1e6, slips, channel)


def aligned(recording: NDArray[np.float32], sound: TestSound, place: Place) -> NDArray[np.float32]:
    """(sound.length, channels) the recording on the clock of the test sound, from its start."""
    step = 1 + place.clock_ppm * 1e-6
    return read(recording, place.offset, step, sound.length, sound.rate, sound.rate)


def _begin(recording: NDArray[np.float32], sound: TestSound) -> tuple[float, int, int] | None:
    """Roughly where the sound begins, and the channel and lane in which it is clearest."""
    found = []  # share of the energy, level, place, channel, lane
    length = sound.sweep.size
    if len(recording) < length:
        return None
    size = 1 << (len(recording) + length - 1).bit_length()
    energy = float(np.sum(sound.sweep**2))
    for channel in range(recording.shape[1]):
        x = recording[:, channel].astype(np.float64)
        x -= x.mean()
        sums = np.concatenate(([0.0], np.cumsum(x**2)))
        passage = np.maximum(sums[length:] - sums[:-length], 1e-9 * sums[-1] + 1e-30)
        spectrum = np.fft.rfft(x, size)
        for lane in range(sound.lanes):
            wanted = np.conj(np.fft.rfft(sound.sweep_of(lane), size))
            match = np.fft.irfft(spectrum * wanted, size)[: passage.size]
            share = match**2 / (energy * passage)
            at = int(np.argmax(share))
            level = abs(float(match[at]))
            found.append((float(share[at]), level, float(at - sound.sweeps[lane]), channel, lane))
    best = max(found)[0]
    if best <= _FOUND:
        return None
    _, offset, channel, lane = max(each[1:] for each in found if each[0] >= _ALIKE * best)
    return offset, channel, lane


def _period_begins(sound: TestSound) -> NDArray[np.int64]:
    """(steps * PERIODS,) where the measured periods begin in the test sound [samples]."""
    begin = np.array([step.start for step in sound.steps])
    return (begin[:, None] + sound.period * np.arange(PERIODS)).ravel()


def _far_delays(
    spectra: NDArray[np.complex128], lines: NDArray[np.int64], period: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """(periods,) how late each period is against the strongest [samples], to 1/16 sample: the
    peak of its cross-correlation; and whether that peak is clear."""
    reference = spectra[np.argmax(np.abs(spectra).mean(axis=1))]
    delays, clear = [], []
    for spectrum in spectra:
        cross = np.zeros(_FINE * period // 2 + 1, np.complex128)
        cross[lines] = _evened(spectrum * reference.conj())
        match = np.fft.irfft(cross)
        at = int(np.argmax(match))
        late = at if at < _FINE * period // 2 else at - _FINE * period
        delays.append(late / _FINE)
        clear.append(match[at] > _CLEAR * match.std())
    return np.array(delays), np.array(clear)


def _near_delays(spectra: NDArray[np.complex128], frequency: Floats) -> Floats:
    """(periods,) the same of small delays, by the slope of the phase against the mean period.

    frequency  of the lines [cycles per sample]
    """
    cross = _evened(spectra * spectra.mean(axis=0).conj())
    turn = 2 * np.pi * frequency
    weight = (np.abs(cross) * turn**2).sum(axis=1)
    return -(cross.imag * turn).sum(axis=1) / np.maximum(weight, _FAINT)


def _evened(cross: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Cross-spectra in which no line outweighs the others: hum would, at the lowest."""
    size = np.abs(cross)
    most = _OUTSTANDING * np.median(size, axis=-1, keepdims=True)
    return np.asarray(cross * np.minimum(1.0, most / np.maximum(size, _FAINT)))


def _straight(
    begins: NDArray[np.int64], delays: Floats, weights: Floats
) -> tuple[float, float, int]:
    """The straight line through the delays: at 0 [samples], slope, and how often they jump."""
    if len(begins) < 2:
        return 0.0, 0.0, 0
    rough = float(np.median(np.diff(delays) / np.diff(begins)))
    rest = delays - rough * begins
    slips = _jumps(rest)
    if slips:
        return float(np.median(rest)), rough, slips
    slope, late = np.polyfit(begins, delays, 1, w=weights)
    return float(late), float(slope), 0


def _jumps(rest: Floats) -> int:
    """How often the delays jump and stay there: a stray one of a noisy period does not."""
    if rest.size < 2 * _STAYS:
        return 0
    level = np.median(np.lib.stride_tricks.sliding_window_view(rest, _STAYS), axis=1)
    apart = np.abs(level[_STAYS:] - level[:-_STAYS]) > _SLIP
    return int(apart[0]) + int((~apart[:-1] & apart[1:]).sum())
