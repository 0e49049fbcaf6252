"""The command `calibrate`: plays, listens, judges, saves."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone import ready
from dialtone.errors import ExitCode, Failure
from dialtone.output import Output, duration, rate

if TYPE_CHECKING:
    from rich.table import Table

    from dialtone.calibration.fitting import Fit
    from dialtone.calibration.judging import Calibration
    from dialtone.calibration.loop import Loop
    from dialtone.calibration.measuring import Measurement
    from dialtone.calibration.trying import Trial

_HINT = "`dialtone devices` shows the devices, `dialtone calibrate --listen` what an input hears"
_QUIETEST_DB = -40.0
_TURNS = 3  # of the test sound, as long as sound is lost
_SPARE_S = 0.5  # recorded beyond the end of a sound that comes back late


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """What the command line asked for. rate [Hz] of both devices, None for their defaults;
    level_db, the loudest to be played, 0 being a peak at full scale."""

    output: str | None
    input: str | None
    rate: int | None
    level_db: float
    report: Path | None
    save: bool


def calibrate_devices(options: CalibrateOptions, out: Output) -> None:
    """Do what `dialtone calibrate` was asked to do. Raises Failure unless a speed was found."""
    if not _QUIETEST_DB <= options.level_db <= 0:
        raise Failure(f"--level takes {_QUIETEST_DB:.0f} to 0 dB", "0 is a peak at full scale")
    ready.prepare(out)
    from dialtone.calibration.loop import CardLoop

    with CardLoop(options.output, options.input, options.rate) as loop:
        where = f"{loop.output} at {loop.rate / 1000:g} kHz"
        out.say(f"playing through {where}, {'both sides' if loop.lanes == 2 else 'mono'}")
        out.say(f"listening to {loop.input} at {loop.record_rate / 1000:g} kHz")
        calibration = calibrate(loop, options.level_db, out)
        _tell(loop, calibration, options, out)
    if calibration.best is None:
        raise Failure(calibration.verdict.headline, _HINT, ExitCode.INCOMPLETE)


def calibrate(loop: "Loop", level_db: float, out: Output) -> "Calibration":
    """Measure a loop, and try out what it should carry.

    level_db  of the loudest sound
    Raises Failure (incomplete) where the test sound is not heard.
    """
    import modem
    from dialtone.calibration import fitting, judging, measuring, trying
    from dialtone.calibration.testsound import HIGH, TestSound

    sound = TestSound(loop.rate, loop.lanes, level_db)
    for turn in range(_TURNS):
        before = loop.underruns + loop.overruns
        with out.progress("measuring", sound.seconds) as meter:
            recording = loop.play(sound.samples, loop.rate, HIGH * loop.rate, meter)
        measured = measuring.measure(recording, loop.record_rate, sound)
        broken = measured is not None and measured.place.slips > 0
        broken |= loop.underruns + loop.overruns > before
        cut_s = 0.0 if measured is None else measuring.cut_s(measured, recording, loop.record_rate)
        if (not broken and not cut_s) or turn == _TURNS - 1:
            break
        if cut_s:
            loop.tail_s += cut_s + _SPARE_S
            out.say("the sound comes back late, and its end is missing: measuring again")
        else:
            out.say("sound was lost on the way, as a busy machine does: measuring again")
    if measured is None:
        verdict = judging.unheard(measuring.silences(recording, loop.record_rate))
        for detail in verdict.details:
            out.say(detail)
        raise Failure(verdict.headline, _HINT, ExitCode.INCOMPLETE, details=list(verdict.details))
    out.say(_summary(measured))
    fits = fitting.fits(measured, modem.profiles.values())
    able = [fit for fit in fits if fit.margin_db >= 0]

    def tell(trial: "Trial") -> None:
        speed = trial.fit.speed
        out.event("tried", **_trial_facts(trial))
        came = "arrived" if trial.arrived else "did not arrive"
        snr = "nothing heard" if trial.snr_db is None else f"SNR {trial.snr_db:.1f} dB"
        out.say(f"sent with {trial.fit.profile.name}, speed {speed.number}: {came}, {snr}")

    with out.progress("sending", trying.AIR_S) as meter:
        trials = trying.try_out(loop, able, measured.level_db, meter, tell)
    best = trying.chosen(trials)
    verdict = judging.judge(measured, best, loop.underruns + loop.overruns)
    return judging.Calibration(measured, fits, trials, best, verdict)


def _summary(measured: "Measurement") -> str:
    heard = measured.best
    return (
        f"peaks at {heard.peak_dbfs:.1f} dBFS, noise at {heard.quiet.noise_dbfs:.0f} dBFS, clock "
        f"{measured.place.clock_ppm:+.1f} ppm, {duration(max(measured.delay_s, 0.0))} on the way"
    )


def _tell(loop: "Loop", calibration: "Calibration", options: CalibrateOptions, out: Output) -> None:
    """Table, verdict, picture; save it. What cannot be written costs nothing else."""
    verdict = calibration.verdict
    out.table(_table(calibration))
    if verdict.good:
        out.say(f"{verdict.headline}.")
    for detail in verdict.details:
        out.say(f"- {detail}")
    facts = _facts(loop, calibration)
    saved = report = None
    try:
        saved = _saved(loop, calibration, facts) if options.save else None
        report = _drawn(loop, calibration, options.report)
    finally:
        out.event("calibrated", **facts, report=report, saved=saved)
        if saved is not None:
            out.say(f"saved for {loop.output}, in {saved}")
            word = shlex.quote(loop.output)
            said = f"`dialtone send FILE --device {word}` uses it"
            out.say(f"{said} unless -p, -s or --for are given")
    if report is not None:
        out.say(f"the picture is {report}")


def _saved(loop: "Loop", calibration: "Calibration", facts: dict[str, object]) -> Path | None:
    """The file with the defaults; None where there is nothing to rely on."""
    from dialtone.calibration import store

    best = calibration.best
    if best is None:
        return None
    level_db = calibration.measured.level_db
    defaults = store.Defaults(best.fit.profile.name, best.fit.speed.number, level_db)
    return store.save(loop.output, defaults, facts)


def _drawn(loop: "Loop", calibration: "Calibration", report: Path | None) -> Path | None:
    if report is not None:
        from dialtone.calibration.picture import draw

        draw(calibration, f"{loop.output} to {loop.input}", report)
    return report


def _facts(loop: "Loop", calibration: "Calibration") -> dict[str, object]:
    measured, best = calibration.measured, calibration.best
    heard = measured.best
    clips, silent = heard.overload, heard.quiet
    from dialtone.calibration.fitting import sides

    return {
        "good": calibration.verdict.good,
        "verdict": calibration.verdict.headline,
        "details": list(calibration.verdict.details),
        "output": loop.output,
        "input": loop.input,
        "rate": loop.rate,
        "record_rate": loop.record_rate,
        "sides": sides(measured),
        "delay_s": measured.delay_s,
        "clock_ppm": measured.place.clock_ppm,
        "level_db": measured.level_db,
        "peak_dbfs": heard.peak_dbfs,
        "rms_dbfs": heard.rms_dbfs,
        "noise_dbfs": silent.noise_dbfs,
        "hum_hz": silent.hum_hz,
        "hum_dbfs": silent.hum_dbfs if silent.hum_hz else None,
        "dc": silent.dc,
        "clipped": clips.share if clips else 0.0,
        "clips_from_db": clips.starts_db if clips else None,
        "slips": measured.place.slips,
        "gaps": heard.gaps,
        "underruns": loop.underruns,
        "overruns": loop.overruns,
        "profile": best.fit.profile.name if best else None,
        "speed": best.fit.speed.number if best else None,
        "net_bps": best.fit.speed.net_bps if best else None,
        "snr_db": best.snr_db if best else None,
        "margin_db": best.spare_db if best else None,
        "fits": [_fit_facts(fit) for fit in calibration.fits],
        "tried": [_trial_facts(trial) for trial in calibration.trials],
    }


def _fit_facts(fit: "Fit") -> dict[str, object]:
    return {
        "profile": fit.profile.name,
        "speed": fit.speed.number,
        "net_bps": fit.speed.net_bps,
        "needs_db": fit.speed.snr_db,
        "margin_db": fit.margin_db,
    }


def _trial_facts(trial: "Trial") -> dict[str, object]:
    return {
        **_fit_facts(trial.fit),
        "margin_db": trial.spare_db,
        "arrived": trial.arrived,
        "snr_db": trial.snr_db,
        "clock_ppm": trial.clock_ppm,
        "packets_lost": trial.packets_lost,
        "air_seconds": trial.air_seconds,
        "goodput_bps": trial.goodput_bps,
    }


def _table(calibration: "Calibration") -> "Table":
    """What fits: for each profile the speed that was sent, else the one that should do."""
    from rich.table import Table

    table = Table(title="what fits", title_justify="left", title_style="bold")
    table.add_column("profile")
    for heading in ("speed", "bit rate", "needs SNR", "to spare"):
        table.add_column(heading, justify="right")
    table.add_column("sent")
    for fit in calibration.fits:
        trials = [trial for trial in calibration.trials if trial.fit.profile is fit.profile]
        for trial in trials:
            style = "bold green" if trial is calibration.best else ""
            came = "arrived" if trial.good else "too close" if trial.arrived else "lost"
            table.add_row(*_cells(trial.fit, trial.spare_db), came, style=style)
        if not trials:
            fits = fit.margin_db >= 0
            cells = _cells(fit, fit.margin_db) if fits else (fit.profile.name, *("-",) * 4)
            table.add_row(*cells, "not tried" if fits else "does not fit", style="dim")
    return table


def _cells(fit: "Fit", spare_db: float) -> tuple[str, ...]:
    speed = fit.speed
    return (
        fit.profile.name,
        str(speed.number),
        rate(speed.net_bps),
        f"{speed.snr_db:.1f} dB",
        f"{spare_db:.1f} dB",
    )
