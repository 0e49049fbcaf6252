"""The command `inspect`: a report of a recording, and in words what is the matter with it."""

from pathlib import Path

from dialtone import ready
from dialtone.output import Output
from dialtone.verdict import is_whole, judge


def inspect_file(file: str, output: Path | None, out: Output) -> None:
    """Draw the report of a recording. Raises AudioError for what is no recording."""
    ready.prepare(out)
    from dialtone.analysis import analyse
    from dialtone.audio import open_audio
    from dialtone.report import draw

    target = output or Path(Path(file).name).with_suffix(".png")
    with open_audio(file) as source:
        total = None if source.frames is None else source.frames / source.sample_rate
        with out.progress("reading", total) as meter:
            analysis = analyse(source, Path(file).name, meter)
    verdict = judge(analysis)
    draw(analysis, verdict, target)
    superframes = analysis.superframes
    out.event(
        "inspected",
        file=file,
        report=target,
        seconds=analysis.seconds,
        sample_rate=analysis.sample_rate,
        good=verdict.good,
        verdict=verdict.headline,
        details=verdict.details,
        superframes=len(superframes),
        superframes_failed=sum(1 for seen in superframes if not is_whole(seen)),
    )
    out.say(verdict.headline)
    for line in verdict.details:
        out.say(f"  {line}")
    out.say(f"report: {target}")
