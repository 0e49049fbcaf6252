"""Measures a loop from what it made of the test sound: pure functions of arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialtone.calibration.clipping import Overload, Track, overload, stands_out
from dialtone.calibration.locating import Place, aligned, at_rate, locate
from dialtone.calibration.quiet import HUM_DB, HUM_TOP_HZ, Quiet, quiet
from dialtone.calibration.testsound import HIGH, LOW_HZ, PERIODS, SILENCE_S, Floats, TestSound

_FAINT = 1e-15  # power that stands for digital silence, so that logarithms exist
_NARROWING = 8  # a line is smoothed over no more than such a part of its frequency
_WIDE = 24  # the same of distortion, which the few silent lines show
_SMOOTH = 12  # lines on either side that a noise figure is the mean of
# Of the impulse response, ahead of its beginning and behind; what the sweep's harmonics would make
# of distortion lies 54 ms and more ahead of it.
_EARLY_S, _LATE_S = 0.03, 0.3
_RISE_S = 0.02
_GAP_S = 0.05  # at the ends of the silence
_BLOCK_S = 0.005  # of sound, in which a gap is looked for
_GONE = 0.05  # of its usual level, below which the sound is gone


@dataclass(frozen=True, slots=True)
class Response:
    """How one lane comes through in one channel of the recording.

    gain      (lines,) complex, at `Measurement.hz`
    impulse   (n,) float, the impulse response between LOW_HZ and HIGH
    at        place of its strongest part [samples]
    rate      of the impulse response [Hz]
    """

    gain: NDArray[np.complex128]
    impulse: Floats
    at: int
    rate: int

    @property
    def level_db(self) -> float:
        """Mean gain [dB]."""
        return float(10 * np.log10(np.mean(np.abs(self.gain) ** 2) + _FAINT))

    @property
    def positive(self) -> bool:
        """Whether the polarity is kept."""
        return bool(self.impulse[self.at] > 0)


@dataclass(frozen=True, slots=True)
class Heard:
    """One channel of the recording; powers are means of the squared samples, full scale 1.

    quiet       what it hears in silence
    lanes       of each lane of the test sound how it comes through
    noise       (lines,) while the test sound plays, its distortion aside [power per Hz]
    distortion  (lines,) at the level that is judged [power per Hz]
    peak_dbfs, rms_dbfs  at the level that is judged [dB; rms relative to an rms of 1]
    gains_db    (steps,) gain at each level, against the level that is judged
    drift_db    by how much the gain moved within one level
    gaps        how often the sound was gone for some milliseconds, in the loud half
    overload    at which level it clips, if it does
    """

    quiet: Quiet
    lanes: tuple[Response, ...]
    noise: Floats
    distortion: Floats
    peak_dbfs: float
    rms_dbfs: float
    gains_db: Floats
    drift_db: float
    gaps: int
    overload: Overload | None

    @property
    def signal_dbfs(self) -> float:
        """Level of the test sound alone [dB, rms]: what is heard anyway was heard in silence."""
        power = 10 ** (self.rms_dbfs / 10) - 10 ** (self.quiet.rms_dbfs / 10)
        return float(10 * np.log10(max(power, _FAINT)))


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the test sound shows of a loop.

    hz        (lines,) where gains and noise are known [Hz]
    level_db  of the multitone that is judged: the loudest one that nothing clips
    sent      power per Hz of each lane of that multitone
    delay_s   from the first sample of the test sound to the place where it is in the recording
    """

    sound: TestSound
    place: Place
    hz: Floats
    level_db: float
    sent: float
    delay_s: float
    channels: tuple[Heard, ...]

    @property
    def best(self) -> Heard:
        """The channel that hears the test sound best."""
        return self.channels[self.place.channel]


def silences(recording: NDArray[np.float32], rate: int) -> tuple[Quiet, ...]:
    """What each channel of a recording (n, channels) hears where nothing is played."""
    return tuple(quiet(recording[:, i], rate) for i in range(recording.shape[1]))


def measure(recording: NDArray[np.float32], rate: int, sound: TestSound) -> Measurement | None:
    """What became of the test sound in a recording (n, channels) of that rate [Hz]; None where it
    is not found."""
    heard = at_rate(recording, rate, sound.rate)
    place = locate(heard, sound)
    if place is None:
        return None
    top_hz = HIGH * min(rate, sound.rate)
    x = aligned(heard, sound, place).astype(np.float64)
    start = max(round(place.offset + SILENCE_S * sound.rate) - round(_GAP_S * sound.rate), 0)
    silent = silences(heard[round(_GAP_S * sound.rate) : start], sound.rate)
    ratio = rate / sound.rate
    clock = 1 + place.clock_ppm * 1e-6
    tracks = [
        Track(recording[:, i], rate, ratio * place.offset, ratio * clock) for i in range(x.shape[1])
    ]
    hushed = [10 ** (each.rms_dbfs / 20) for each in silent]
    overloads: list[Overload | None] = [None] * x.shape[1]
    if not place.slips:  # behind a jump nothing is where it is expected
        overloads = [overload(x[:, i], tracks[i], sound, hushed[i]) for i in range(x.shape[1])]
    judged = min((o.clean for o in overloads if o), default=len(sound.steps) - 1)
    lines = np.arange(sound.lines[0].min(), sound.idle.max() + 1)
    lines = lines[lines * sound.spacing_hz <= top_hz]
    channels = tuple(
        _channel(x[:, i], tracks[i], sound, judged, lines, silent[i], overloads[i])
        for i in range(x.shape[1])
    )
    level_db = sound.steps[judged].level_db
    sent = 10 ** ((sound.rms_dbfs() + level_db) / 10) / (HIGH * sound.rate - LOW_HZ)
    best = max(channels[place.channel].lanes, key=lambda response: response.level_db)
    late = best.at - round(_EARLY_S * sound.rate)
    delay_s = (place.offset + late * clock) / sound.rate
    return Measurement(sound, place, lines * sound.spacing_hz, level_db, sent, delay_s, channels)


def cut_s(measured: Measurement, recording: NDArray[np.float32], rate: int) -> float:
    """How much of the last measured period came when the recording was over [s]."""
    sound, place = measured.sound, measured.place
    last = sound.steps[-1].start + PERIODS * sound.period
    end = (place.offset + (1 + place.clock_ppm * 1e-6) * last) / sound.rate
    return max(end - len(recording) / rate, 0.0)


def _channel(
    x: Floats,
    track: Track,
    sound: TestSound,
    judged: int,
    lines: NDArray[np.int64],
    silent: Quiet,
    clips: Overload | None,
) -> Heard:
    step = sound.steps[judged]
    steady = x[step.start : step.start + PERIODS * sound.period]
    recorded, _ = track.passage(step.start, PERIODS * sound.period)
    noise, distortion = _unwanted(steady, sound, lines)
    if silent.hum_above_noise_db > HUM_DB:  # its harmonics fall on silent lines, too
        distortion[lines * sound.spacing_hz < HUM_TOP_HZ] = 0
    lanes = []
    for lane in range(sound.lanes):
        impulse = _impulse(x, sound, lane)
        at = int(np.argmax(np.abs(impulse)))
        gain = _gain(steady, sound, lane, step.level_db, lines)
        lanes.append(Response(gain, impulse, at, sound.rate))
    gains_db, drift_db = _steadiness(x, sound, judged, 10 ** (silent.rms_dbfs / 20))
    return Heard(
        silent,
        tuple(lanes),
        noise,
        distortion,
        float(20 * np.log10(np.abs(recorded).max(initial=0.0) + _FAINT)),
        float(10 * np.log10(np.mean(steady**2) + _FAINT)),
        gains_db,
        drift_db,
        _gaps(x, sound, 10 ** (silent.rms_dbfs / 20)),
        clips,
    )


def _gain(
    steady: Floats, sound: TestSound, lane: int, level_db: float, lines: NDArray[np.int64]
) -> NDArray[np.complex128]:
    """(lines,) response of a lane, between its own lines straight."""
    mean = steady.reshape(PERIODS, sound.period).mean(axis=0)
    own = sound.lines[lane]
    heard = 2 * np.fft.rfft(mean)[own] / sound.period
    gain = heard / (sound.amplitudes(lane) * 10 ** (level_db / 20))
    power = np.interp(lines, own, np.abs(gain) ** 2)
    turn = np.interp(lines, own, np.unwrap(np.angle(gain)))
    return np.asarray(np.sqrt(power) * np.exp(1j * turn))


def _unwanted(steady: Floats, sound: TestSound, lines: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(lines,) noise and distortion [power per Hz]: what is heard between the lines, and what is
    heard at the silent ones beyond that.

    A Hann window over whole periods leaves nothing of a line two bins away from it.
    """
    window = np.hanning(steady.size + 1)[:-1]
    power = np.abs(np.fft.rfft(steady * window)) ** 2
    density = 2 * power / (sound.rate * np.sum(window**2))
    between = np.arange(2, PERIODS - 1)
    # Closer at the bottom, where hum stands.
    reach = np.clip(lines // _NARROWING, 2, _SMOOTH)
    noise = _smooth(density[lines[:, None] * PERIODS + between].mean(axis=1), reach)
    idle = sound.idle[sound.idle <= lines[-1]]
    excess = density[idle * PERIODS] - np.interp(idle, lines, noise)
    # A line of the density spectrum stands for the power of one line, not for that of 1 Hz.
    width_hz = sound.rate * np.sum(window**2) / np.sum(window) ** 2
    tones = np.interp(lines, idle, _smooth(excess * width_hz, _WIDE)) / sound.spacing_hz
    # The mean of 2 * _WIDE + 1 powers of noise is uncertain by so much of their expectation.
    chance = 2 / np.sqrt(2 * _WIDE + 1) * noise * width_hz / sound.spacing_hz
    return noise, np.where(tones > chance, tones, 0.0)


def _smooth(values: Floats, reach: "int | NDArray[np.int64]") -> Floats:
    """Mean over so many neighbours on either side, fewer at the ends."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    at = np.arange(values.size)
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, values.size)
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _impulse(x: Floats, sound: TestSound, lane: int) -> Floats:
    """Impulse response of a lane, from _EARLY_S ahead of the time of its sweep on: the sweep's
    spectrum divided out, within its band."""
    early, late = round(_EARLY_S * sound.rate), round(_LATE_S * sound.rate)
    start = sound.sweeps[lane]
    sweep = sound.sweep_of(lane)
    size = 1 << (sweep.size + late + early - 1).bit_length()
    begin = max(start - early, 0)
    heard = _faded(x[begin : begin + early + sweep.size + late], sound.rate)
    wanted = np.fft.rfft(sweep, size)
    power = np.abs(wanted) ** 2
    hz = np.arange(wanted.size) * sound.rate / size
    band = np.clip((hz - LOW_HZ) / LOW_HZ, 0, 1) * (hz <= 0.985 * HIGH * sound.rate)
    ratio = np.fft.rfft(heard, size) * wanted.conj() / np.maximum(power, 1e-12)
    response = np.fft.irfft(ratio * np.sin(np.pi / 2 * band) ** 2, size)
    return _faded(response[: early + late], sound.rate)


def _faded(x: Floats, rate: int) -> Floats:
    """Without jumps at the ends: they would spread hum over all frequencies."""
    length = round(_RISE_S * rate)
    rise = np.sin(np.pi / 2 * np.arange(length) / length) ** 2
    return np.asarray(
        np.concatenate((x[:length] * rise, x[length:-length], x[-length:] * rise[::-1]))
    )


def _steadiness(
    x: Floats, sound: TestSound, judged: int, silence_rms: float
) -> tuple[Floats, float]:
    """(steps,) gain at each level against the one that is judged, NaN where it does not stand
    out, and the largest movement within one of the levels [dB]."""
    own = np.concatenate(sound.lines)
    gains = np.full((len(sound.steps), PERIODS), np.nan)
    judged_periods = _lines(x, sound, judged, own)
    shape = judged_periods.mean(axis=0).conj()
    energy = float(np.sum(np.abs(shape) ** 2)) + _FAINT
    for number, step in enumerate(sound.steps):
        if stands_out(x, sound, step, silence_rms):
            gains[number] = np.abs(_lines(x, sound, number, own) @ shape) / energy
    gains_db = 20 * np.log10(gains + 1e-9)
    drifts = np.ptp(gains_db, axis=1)
    return gains_db.mean(axis=1), float(np.nanmax(drifts, initial=0.0))


def _gaps(x: Floats, sound: TestSound, silence_rms: float) -> int:
    """How often the sound is gone within a level of the loud half, whose softer sounds something
    may have taken for noise."""
    count = 0
    size = round(_BLOCK_S * sound.rate)
    for step in sound.steps[len(sound.steps) // 2 :]:
        if stands_out(x, sound, step, silence_rms):
            steady = x[step.start : step.start + PERIODS * sound.period]
            blocks = steady[: steady.size // size * size].reshape(-1, size)
            level = np.sqrt(np.mean(blocks**2, axis=1))
            gone = level < max(_GONE * float(np.median(level)), 1.5 * silence_rms)
            count += int(gone[0]) + int((gone[1:] & ~gone[:-1]).sum())
    return count


def _lines(
    x: Floats, sound: TestSound, number: int, own: NDArray[np.int64]
) -> NDArray[np.complex128]:
    """(PERIODS, lines) the lines of each period of a step, as if played at 0 dB."""
    step = sound.steps[number]
    periods = x[step.start : step.start + PERIODS * sound.period].reshape(PERIODS, sound.period)
    return np.asarray(np.fft.rfft(periods, axis=1)[:, own] / 10 ** (step.level_db / 20))
