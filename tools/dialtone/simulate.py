"""The command `channel`: a recording through a simulated channel, and the list of channels."""

from pathlib import Path

from dialtone import ready
from dialtone.errors import Failure
from dialtone.interrupts import HeldSignals
from dialtone.output import Output, duration


def simulate_file(
    source: str | None, target: str | None, spec: str, seed: int, out: Output
) -> None:
    """Pass a sound file through a channel. Raises Failure, AudioError or ChannelError."""
    if source is None or target is None:
        raise Failure("an input and an output file are needed", "see `dialtone channel --help`")
    if not spec.strip():
        raise Failure("no channel was given", "--channel SPEC; `dialtone channel --list` shows all")
    ready.prepare(out)
    import numpy as np

    from dialtone.audio import open_audio, write_audio
    from modem import channel

    simulated = channel.parse(spec, seed)
    with open_audio(source) as audio:
        samples = np.concatenate(list(audio))
        rate = audio.sample_rate
    if samples.shape[1] == 1:
        samples = samples[:, 0]
    heard, rate = simulated.apply(samples, rate)
    channels = 1 if heard.ndim == 1 else heard.shape[1]
    with HeldSignals(), write_audio(target, rate, channels=channels) as sink:
        sink.write(heard)
    seconds = len(heard) / rate
    out.event(
        "simulated",
        file=target,
        channel=str(simulated),
        seed=seed,
        seconds=seconds,
        sample_rate=rate,
    )
    out.say(f"{Path(target)}: {duration(seconds)} at {rate} Hz through {simulated}")


def list_channels(out: Output) -> None:
    """Show every step of the grammar and every named bundle."""
    from modem.channel import bundles, steps

    for name, step in steps.items():
        out.record(step=name, example=step.example, help=step.help)
    for name, spec in bundles.items():
        out.record(bundle=name, channel=spec)
    if out.as_json:
        return
    from rich.table import Table

    table = Table(title="steps, applied from left to right", title_justify="left")
    table.add_column("for example", style="bold", no_wrap=True)
    table.add_column("what it does")
    for step in steps.values():
        table.add_row(step.example, step.help)
    out.table(table)
    table = Table(title="bundles: names for several steps", title_justify="left")
    table.add_column("name", style="bold")
    table.add_column("stands for")
    for name, spec in bundles.items():
        table.add_row(name, spec)
    out.table(table)
