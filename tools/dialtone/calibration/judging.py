"""What a calibration amounts to, in words that a person can act on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dialtone.calibration.fitting import Fit, shaped, sides
from dialtone.calibration.measuring import Heard, Measurement, Response
from dialtone.calibration.quiet import HUM_DB, Quiet
from dialtone.calibration.trying import Trial
from dialtone.output import count, duration, rate
from dialtone.verdict import Verdict

_QUIET_DBFS = -26.0  # peak of the loudest step from where down there is level to be gained
_STEADY_DB = 1.0  # that the gain may move
_MOST_DB = 40.0  # of such a movement, beyond which it is one between on and off
_HUM_BELOW_DB = 50.0  # below the signal, from where it matters to no speed
_NOISE_BELOW_DB = 20.0  # the same of noise, from where only slow speeds are left
_DC = 0.02
_CLOCK_PPM = 200.0  # that the modem is made for
_SILENT_DBFS = -100.0
_ECHO_MS = 2.0  # from where a second arrival is an echo
_ECHO_DB = -25.0
_ECHO_BAND_HZ = (200.0, 3800.0)  # what even a telephone carries
_EVEN = 2.5  # ratio of the highest to the lowest part, from where polarity can be told
_SIDES = {
    "left only": "only the left side arrives: is the cable mono, or its plug not in all the way?",
    "right only": "only the right side arrives: is the cable mono, or its plug not in all the way?",
    "mixed": "both sides arrive mixed, as over a mono cable: profiles of one side fit",
    "cancelled": (
        "both sides arrive mixed with opposite polarity, so that what both of them play cancels: a "
        "stereo output is in a balanced input; connect one side only"
    ),
    "swapped": "left and right are swapped, which does no harm",
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """All that was found. fits: for each profile that the sample rates allow its best speed,
    trials: what was sent, best: the one of these to rely on."""

    measured: Measurement
    fits: list[Fit]
    trials: list[Trial]
    best: Trial | None
    verdict: Verdict


def unheard(silent: tuple[Quiet, ...]) -> Verdict:
    """What to say where the test sound is not in the recording."""
    loudest = max((each.rms_dbfs for each in silent), default=-math.inf)
    if loudest < _SILENT_DBFS:
        return Verdict(
            "nothing was heard: is the cable in?",
            (
                "the input is silent to the last digit: it may be muted, or another input or "
                "output may be the one with the cable (--input, --output)",
            ),
            good=False,
        )
    heard = max(silent, key=lambda each: each.rms_dbfs)
    hums = heard.hum_hz and heard.hum_above_noise_db > HUM_DB
    what = f"hum at {heard.hum_hz} Hz, as with a cable that ends nowhere," if hums else "noise"
    return Verdict(
        "the test sound was not heard: is the cable in, and the output turned up?",
        (
            f"the input hears only {what} of {loudest:.0f} dBFS; --input and --output choose other "
            "devices, `dialtone devices` shows them",
        ),
        good=False,
    )


def judge(measured: Measurement, best: Trial | None, lost: int) -> Verdict:
    """What a loop is good for, and what is to be done about it.

    best  the transmission that was chosen, None where nothing arrived
    lost  over- and underruns
    """
    heard = measured.best
    level, way = _level(measured, heard), _way(measured, heard, lost)
    details = (*level, *_disturbed(heard), *way)
    if best is None:
        return Verdict("no speed gets through this loop reliably", details, good=False)
    speed = best.fit.speed
    headline = (
        f"{best.fit.profile.name} at speed {speed.number} arrives: {rate(speed.net_bps)} with "
        f"{best.spare_db:.0f} dB to spare"
    )
    return Verdict(headline, details, good=True)


def _level(measured: Measurement, heard: Heard) -> Iterator[str]:
    clips = heard.overload
    if clips is not None:
        share = f"{100 * clips.share:.1f} % of the samples clip"
        down = math.ceil(-clips.starts_db + measured.sound.steps[-1].level_db)
        if clips.at_full_scale:
            yield f"turn the input down by {down} dB: {share} at full level"
        else:
            yield (
                f"turn the output down by {down} dB: {share} at full level, at "
                f"{clips.limit_dbfs:.1f} dBFS and thus ahead of the input's converter"
            )
        if clips.clean:
            yield f"until then the level is {measured.level_db:.0f} dB, where nothing clips"
    else:
        peak_dbfs = heard.signal_dbfs - measured.sound.rms_dbfs()
        if peak_dbfs < _QUIET_DBFS:
            yield f"turn the output or the input up: the peaks reach only {peak_dbfs:.0f} dBFS"
    # What clips moves the gain, too.
    whole = heard.gains_db[: clips.clean + 1] if clips else heard.gains_db
    moved = whole[np.isfinite(whole)]
    spread = max(float(np.ptp(moved)) if moved.size else 0.0, heard.drift_db if not clips else 0.0)
    if spread > _STEADY_DB and not measured.place.slips and not heard.gaps:
        how = f"{spread:.0f} dB" if spread < _MOST_DB else f"more than {_MOST_DB:.0f} dB"
        yield (
            f"the gain moves by {how} with the sound: switch off automatic gain (AGC), compressors "
            "and noise suppression of the input"
        )


def _disturbed(heard: Heard) -> Iterator[str]:
    silent = heard.quiet
    below = heard.signal_dbfs - silent.hum_dbfs
    if silent.hum_hz and silent.hum_above_noise_db > HUM_DB and below < _HUM_BELOW_DB:
        yield (
            f"hum at {silent.hum_hz} Hz, {silent.hum_above_noise_db:.0f} dB above the noise and "
            f"{abs(below):.0f} dB {'below' if below >= 0 else 'above'} the signal: put both "
            "devices on one mains socket, or an isolating transformer into the cable"
        )
    above = heard.signal_dbfs - silent.noise_dbfs
    if above < _NOISE_BELOW_DB:
        how = f"only {above:.0f} dB below" if above >= 0 else f"{-above:.0f} dB above"
        yield (
            f"the noise is {how} the signal: turn the output up, or look for where it comes from, "
            "as another input, cable or power supply"
        )
    if abs(silent.dc) > _DC:
        yield (
            f"the input has a constant offset of {100 * silent.dc:+.0f} % of full scale, which "
            "takes room from the sound: switch on its high-pass filter, or turn it down"
        )
    response = max(heard.lanes, key=lambda lane: lane.level_db)
    late = echo(response)
    if late is not None:
        yield (
            f"an echo {-late[1]:.0f} dB below the sound, {1000 * late[0]:.1f} ms behind it: "
            "profile air bears the longest ones, phone its middle speeds up to 25 ms"
        )


def _way(measured: Measurement, heard: Heard, lost: int) -> Iterator[str]:
    how = sides(measured)
    if how in _SIDES:
        yield _SIDES[how]
    if measured.place.slips:
        yield (
            f"the sound jumps {count(measured.place.slips, 'time')} within "
            f"{duration(measured.sound.seconds)}: something loses or repeats samples"
        )
    elif heard.gaps:
        yield (
            f"the sound drops out {count(heard.gaps, 'time')} within some 4 s: a network or a "
            "radio loses pieces of it"
        )
    if lost:
        yield f"{count(lost, 'over- or underrun')}: the machine is too busy"
    ppm = measured.place.clock_ppm
    if abs(ppm) > _CLOCK_PPM:
        yield f"the clocks differ by {ppm:+.0f} ppm, and the modem follows up to 200 ppm"
    if polarity(max(heard.lanes, key=lambda lane: lane.level_db)) == "reversed":
        yield "the polarity is reversed, which does no harm"


def polarity(response: Response) -> str | None:
    """ "kept" or "reversed"; None where the response has no main direction."""
    top, bottom = float(response.impulse.max()), float(-response.impulse.min())
    if top > _EVEN * bottom:
        return "kept"
    return "reversed" if bottom > _EVEN * top else None


def echo(response: Response) -> tuple[float, float] | None:
    """The strongest echo: how late [s], and its level against the sound [dB]; None without."""
    impulse = shaped(response.impulse, response.rate, *_ECHO_BAND_HZ)
    size = np.abs(impulse)
    apart = round(_ECHO_MS / 1000 * response.rate)
    rest = size[response.at + apart :]
    if not rest.size:
        return None
    at = int(np.argmax(rest))
    level_db = 20 * math.log10(max(float(rest[at] / max(size.max(), 1e-30)), 1e-9))
    floor = 8 * float(np.median(size))
    if level_db < _ECHO_DB or rest[at] < floor:
        return None
    return (apart + at) / response.rate, level_db
