"""Which profiles and speeds a measured loop carries."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import modem
from dialtone.calibration.measuring import Heard, Measurement
from dialtone.calibration.quiet import HUM_DB, HUM_TOP_HZ
from dialtone.calibration.testsound import GROUP, PERIODS, Floats

MARGIN_DB = 6.0  # SNR to spare that a saved speed has: what the default speeds leave, too
_FLOOR_DB = 72.0  # SNR that the receiver shows of a perfect channel
_BLUR = 12.0  # over the bandwidth: a stretch of an impulse response that is judged as a whole
_CLEAR = 4.0  # times the usual power, from where such a stretch is no noise
_COVERED = 0.99  # of a band, that has to be measured
_WEAK = 0.1  # of the median SNR, below which a carrier is weak
_WEAK_COST_DB, _WEAK_SHARE = 15.0, 0.1  # what these cost at most, and how soon
_APART_DB = 10.0  # by which a lane is louder in its own channel, for two to be told apart
_SURELY = 1.2  # times the mean of a power that chance makes
_GONE_DB = 40.0  # by which a lane is softer than the other, for it not to arrive
_SPAN_DB, _EXACT_DB = 100.0, 0.05  # of a margin
_FAINT = 1e-30


@dataclass(frozen=True, slots=True)
class Fit:
    """A speed, and what the loop has for it.

    margin_db  by how much everything could be worse
    """

    profile: modem.Profile
    speed: modem.Speed
    margin_db: float

    @property
    def snr_db(self) -> float:
        """Of a flat channel that is as good for this speed."""
        return self.speed.snr_db + self.margin_db


def fits(measured: Measurement, profiles: Iterable[modem.Profile]) -> list[Fit]:
    """For each profile whose band was measured the fastest speed with MARGIN_DB to spare, or the
    one with the most where none has so much; fastest first."""
    best = []
    for profile in profiles:
        low_hz = min(speed.top_hz for speed in profile.speeds)
        if profile.lanes > measured.sound.lanes or low_hz * _COVERED > measured.hz[-1]:
            continue
        made = [predict(measured, profile, speed) for speed in profile.speeds]
        able = [fit for fit in made if fit.margin_db >= MARGIN_DB]
        if able:
            best.append(max(able, key=lambda fit: fit.speed.net_bps))
        else:
            best.append(max(made, key=lambda fit: fit.margin_db))
    return sorted(best, key=lambda fit: (fit.margin_db < MARGIN_DB, -fit.speed.net_bps))


def slower(fit: Fit, by_db: float) -> Fit | None:
    """The fastest speed of the profile that needs so much less SNR, None without one."""
    wanted_db = fit.speed.snr_db - by_db
    slow = [speed for speed in fit.profile.speeds if speed.snr_db <= wanted_db]
    if not slow:
        return None
    speed = max(slow, key=lambda speed: speed.net_bps)
    return Fit(fit.profile, speed, fit.snr_db - speed.snr_db)


def predict(measured: Measurement, profile: modem.Profile, speed: modem.Speed) -> Fit:
    """What a speed would find: from response, noise, distortion and echoes."""
    low_hz = float(profile.numerology.carrier_hz[0])
    inside = (measured.hz >= low_hz) & (measured.hz <= speed.top_hz)
    if measured.hz[-1] < _COVERED * speed.top_hz or not inside.any():
        return Fit(profile, speed, -math.inf)
    # Half of a stereo signal's time is one lane's; a mono one comes from both lanes at once.
    ways = _lanes(measured) if profile.lanes == 2 else [_together(measured)]
    snrs = []
    for heard, gain, impulse in ways:
        level_db = profile.level_dbfs + measured.level_db
        sent = 10 ** (level_db / 10) / (speed.top_hz - low_hz)
        power = np.abs(gain[inside]) ** 2 * sent
        unwanted = heard.noise[inside] + heard.distortion[inside] * sent / measured.sent
        # Harmonics of hum would pass for echoes.
        from_hz = HUM_TOP_HZ if heard.quiet.hum_above_noise_db > HUM_DB else 0.0
        beyond = late_share(impulse, measured.sound.rate, profile, speed, from_hz)
        unwanted = unwanted + power * (beyond + 10 ** (-_FLOOR_DB / 10)) + _FAINT
        snrs.append(power / unwanted)
    return Fit(profile, speed, margin_db(np.concatenate(snrs), speed))


def margin_db(snr: Floats, speed: modem.Speed) -> float:
    """By how much all carriers could be worse until the speed fails [dB].

    snr  (carriers,) linear
    A carrier holds no more than the bits of the constellation, however good it is; `gap` is what
    the speed needs beyond the capacity of a flat channel. Carriers far below the others cost more
    than their capacity: measured with `band` on cable and mp3, to within 3 dB, 6 dB for 5 % of
    them, 10 dB for 11 % and 14 dB for 25 %.
    """
    wanted = speed.order * speed.rate
    gap_db = speed.snr_db - 10 * math.log10(2**wanted - 1)
    low, high = -_SPAN_DB, _SPAN_DB
    while high - low > _EXACT_DB:
        middle = (low + high) / 2
        bits = np.log2(1 + snr * 10 ** (-(gap_db + middle) / 10))
        if np.minimum(bits, speed.order).mean() >= wanted:
            low = middle
        else:
            high = middle
    weak = float((snr < _WEAK * np.median(snr)).mean())
    return low - _WEAK_COST_DB * (1 - math.exp(-weak / _WEAK_SHARE))


def late_share(
    impulse: Floats, rate: int, profile: modem.Profile, speed: modem.Speed, from_hz: float = 0.0
) -> float:
    """What echoes that the prefix does not cover add to the noise, as a share of the signal.

    from_hz  below it the impulse response is not looked at
    The receiver takes the channel to be no longer than the prefix, so that all of a later echo is
    noise; in a reverberant profile twice what it carries over from other symbols, which is
    1 - (1 - x)**2 of an echo late by a share x of a symbol (R. van Nee and R. Prasad, OFDM for
    Wireless Multimedia Communications, 2000). Measured: to within 1 dB with `echo` and `room`.
    """
    numerology = profile.numerology
    low_hz = max(float(numerology.carrier_hz[0]), from_hz)
    width_hz = max(speed.top_hz - low_hz, 1.0)
    energy = shaped(impulse, rate, low_hz, low_hz + width_hz) ** 2
    blur = max(round(_BLUR / width_hz * rate), 1)
    around = np.convolve(energy, np.full(blur, 1 / blur), "same")
    floor = float(np.median(around))
    energy = np.where(around > _CLEAR * floor, np.maximum(energy - floor, 0), 0)
    if not energy.any():
        return 0.0
    prefix = max(round(speed.prefix / numerology.sample_rate * rate), 1)
    sums = np.concatenate(([0.0], np.cumsum(energy)))
    covered = sums[prefix:] - sums[:-prefix]
    first = int(np.argmax(covered))
    if not profile.reverberant:
        return float(1 - covered[first] / energy.sum())
    at = np.arange(energy.size)
    beyond = np.maximum(np.maximum(first - at, at - (first + prefix - 1)), 0)
    symbol = numerology.fft_size / numerology.sample_rate * rate
    foreign = 2 * (1 - (1 - np.minimum(beyond / symbol, 1)) ** 2)
    return float(energy @ np.minimum(foreign, 1) / energy.sum())


def shaped(impulse: Floats, rate: int, low_hz: float, high_hz: float) -> Floats:
    """An impulse response in a band whose edges are soft, so that they do not ring."""
    hz = np.fft.rfftfreq(impulse.size, 1 / rate)
    place = np.clip((hz - low_hz) / (high_hz - low_hz), 0, 1)
    window = np.sin(np.pi * place) ** 2
    return np.asarray(np.fft.irfft(np.fft.rfft(impulse) * window, impulse.size))


def _together(measured: Measurement) -> tuple[Heard, NDArray[np.complex128], Floats]:
    """The channel that hears a mono sound best, which comes from all lanes at once."""

    def way(heard: Heard) -> tuple[Heard, NDArray[np.complex128], Floats]:
        gains = np.array([lane.gain for lane in heard.lanes])
        impulses = np.array([lane.impulse for lane in heard.lanes])
        return heard, gains.sum(axis=0), impulses.sum(axis=0)

    def bits(heard: Heard) -> float:
        power = np.abs(way(heard)[1]) ** 2 * measured.sent
        return float(np.log2(1 + power / (heard.noise + heard.distortion + _FAINT)).sum())

    return way(max(measured.channels, key=bits))


def _lanes(measured: Measurement) -> list[tuple[Heard, NDArray[np.complex128], Floats]]:
    """For each lane the channel that is its own."""
    ways = []
    for lane in range(measured.sound.lanes):
        heard = max(measured.channels, key=lambda heard: heard.lanes[lane].level_db)
        ways.append((heard, heard.lanes[lane].gain, heard.lanes[lane].impulse))
    return ways


def _levels(measured: Measurement, heard: Heard) -> list[float]:
    """Mean gain of each of two lanes in a channel, without what noise adds to it [dB]."""
    # A line stands for the band up to the next one of its lane; it was heard PERIODS times.
    chance = float(heard.noise.mean()) / (PERIODS * GROUP * measured.sent)
    powers = [float(np.mean(np.abs(lane.gain) ** 2)) - _SURELY * chance for lane in heard.lanes]
    return [10 * math.log10(max(power, _FAINT)) for power in powers]


def sides(measured: Measurement) -> str:
    """How the two sides arrive: "mono", "apart", "swapped", "mixed", "left only", "right only", or
    "cancelled", mixed with opposite polarity."""
    if measured.sound.lanes < 2 or len(measured.channels) < 2:
        return "mono"
    level = np.array([_levels(measured, heard) for heard in measured.channels])
    if level.max() - level[:, 1].max() > _GONE_DB:
        return "left only"
    if level.max() - level[:, 0].max() > _GONE_DB:
        return "right only"
    if min(level[0, 0] - level[0, 1], level[1, 1] - level[1, 0]) >= _APART_DB:
        return "apart"
    if min(level[0, 1] - level[0, 0], level[1, 0] - level[1, 1]) >= _APART_DB:
        return "swapped"
    gains = np.array([lane.gain for lane in measured.best.lanes])
    together, alone = np.abs(gains.sum(axis=0)) ** 2, (np.abs(gains) ** 2).sum(axis=0)
    cancels = together.mean() < 10 ** (-_APART_DB / 10) * alone.mean()
    return "cancelled" if cancels else "mixed"
