"""Commands about sound cards and what listens at them: what each takes, nothing of what it does."""

from pathlib import Path
from typing import Annotated

import typer

from dialtone.options import Json, SoundDevice
from dialtone.output import Output


def devices(as_json: Json = False) -> None:
    """List the sound devices.

    Their numbers change when devices come and go, their names do not: --device takes either, or a
    part of a name.

    \b
    Examples:
      dialtone devices
      dialtone devices --json
    """
    from dialtone.cards import show_devices

    show_devices(Output(as_json))


def calibrate(
    device: SoundDevice = None,
    input_device: Annotated[
        str | None,
        typer.Option("--input", metavar="D", help="Device that listens, where it is another."),
    ] = None,
    output_device: Annotated[
        str | None,
        typer.Option("--output", metavar="D", help="Device that plays, where it is another."),
    ] = None,
    level: Annotated[
        float,
        typer.Option(
            "--level", metavar="DB", help="Loudest sound that is played; 0 is full scale."
        ),
    ] = 0.0,
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="HZ", min=8000, max=192000, help="Default: the device's."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("-o", "--report", metavar="REPORT.png", help="Draw what was found."),
    ] = None,
    no_save: Annotated[bool, typer.Option("--no-save", help="Leave the defaults alone.")] = False,
    listen: Annotated[
        bool,
        typer.Option("--listen", help="Play nothing: show what the input hears, and what to do."),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=0.1, help="End --listen after S seconds."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a cable or line: connect the output with the input.

    Plays a test sound for 12 seconds and a few transmissions, less than a minute in all. Tells
    what to do about level, noise, hum and echoes, which profiles and speeds fit, and saves the
    best as the device's own for `dialtone send --device`.

    \b
    Examples:
      dialtone calibrate                                a cable from output to input
      dialtone calibrate --output usb --input line -o report.png
      dialtone calibrate --level -12                    not louder, as into a telephone
      dialtone calibrate --listen                       while the other side plays
    """
    if listen:
        from dialtone.calibration.levels import listen as follow

        follow(input_device or device, rate, timeout, Output(as_json))
        return
    from dialtone.calibration.command import CalibrateOptions, calibrate_devices

    options = CalibrateOptions(
        output_device or device, input_device or device, rate, level, report, not no_save
    )
    calibrate_devices(options, Output(as_json))
