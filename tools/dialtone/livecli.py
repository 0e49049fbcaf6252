"""Commands about sound cards and what listens at them: what each takes, nothing of what it does."""

from pathlib import Path
from typing import Annotated

import typer

from dialtone.errors import Failure
from dialtone.keyoptions import (
    Identities,
    IdentityPassphraseFile,
    PassphraseFile,
    PassphrasePrompt,
    Shares,
)
from dialtone.options import Folder, Json, RawChannels, RawRate, SoundDevice
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions


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


def listen(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[-]", help="Listen to stdin: a WAV stream or raw 16-bit samples."),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            metavar="D",
            help="A sound device, by name, a part of it, or number; several with several "
            "--device. Default: the system's.",
        ),
    ] = None,
    folder: Folder = Path("inbox"),
    monitor: Annotated[
        str | None,
        typer.Option(
            "--monitor",
            metavar="[HOST:]PORT",
            help="Serve a page that shows what happens, and sends. Only to this machine, unless "
            "HOST says otherwise.",
        ),
    ] = None,
    monitor_cert: Annotated[
        Path | None,
        typer.Option("--monitor-cert", metavar="PEM", help="Certificate, for https."),
    ] = None,
    monitor_key: Annotated[
        Path | None, typer.Option("--monitor-key", metavar="PEM", help="Its private key.")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            "--exec",
            metavar="CMD",
            help="Run CMD for each file that arrives, with its path as the last word. No shell.",
        ),
    ] = None,
    exec_limit: Annotated[
        float,
        typer.Option("--exec-limit", metavar="S", min=1, help="End CMD after S seconds."),
    ] = 300.0,
    keep: Annotated[
        float,
        typer.Option(
            "--keep",
            metavar="DAYS",
            min=0.01,
            help="Drop unfinished transfers of which nothing has come for DAYS.",
        ),
    ] = 30.0,
    identity: Identities = None,
    identity_passphrase_file: IdentityPassphraseFile = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    shares: Shares = None,
    rate: RawRate = None,
    channels: RawChannels = None,
    systemd: Annotated[
        bool,
        typer.Option("--systemd", help="Print a systemd unit for these very options, and leave."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Leave a receiver on, for months.

    Every transfer gets a folder of its own in the inbox, with the file and receipt.json. Lost
    devices are opened again, full disks waited for; after a crash it goes on where it was.

    \b
    Examples:
      dialtone listen -d inbox
      dialtone listen --device Scarlett -d inbox --monitor 8080
      dialtone listen -d inbox --json --exec "mail-it --to ops@example.org"
      arecord -f S16_LE -r 48000 | dialtone listen - --rate 48000 -d inbox
      dialtone listen --device 2i2 -d /srv/inbox --systemd > dialtone.service
    """
    from dialtone.listen import ListenOptions, listen
    from dialtone.opening import OpenOptions

    if source not in (None, "-"):
        raise Failure(
            f"listen takes no file, only - for stdin, not {source}",
            "`dialtone receive` takes recordings",
        )
    options = ListenOptions(
        folder=folder,
        keys=OpenOptions(
            PassphraseOptions(passphrase_file, passphrase_prompt),
            tuple(identity or ()),
            identity_passphrase_file,
            tuple(shares or ()),
        ),
        devices=tuple(device or ()),
        stdin=source == "-",
        rate=rate,
        channels=channels,
        monitor=monitor,
        certificate=monitor_cert,
        certificate_key=monitor_key,
        command=command,
        limit_s=exec_limit,
        keep_days=keep,
    )
    out = Output(as_json)
    if systemd:
        from dialtone.listening.unit import unit

        out.text(unit(options, as_json))
    else:
        listen(options, out)


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
            "--level", metavar="DB", help="Loudest sound that is played, -40 to 0; 0 is full scale."
        ),
    ] = 0.0,
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate",
            metavar="HZ",
            min=8000,
            max=192000,
            help="Sample rate of both devices. Default: what each has of its own.",
        ),
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

        given = {"--output": output_device, "--level": level or None, "--report": report,
                 "--no-save": no_save or None}  # fmt: skip
        if wrong := [name for name, value in given.items() if value is not None]:
            raise Failure(
                f"--listen plays and saves nothing: {' and '.join(wrong)} would have no effect",
                "leave it out, or calibrate without --listen",
            )
        follow(input_device or device, rate, timeout, Output(as_json))
        return
    from dialtone.calibration.command import CalibrateOptions, calibrate_devices

    if timeout is not None:
        raise Failure("--timeout ends --listen only", "leave it out: calibrating ends by itself")
    options = CalibrateOptions(
        output_device or device, input_device or device, rate, level, report, not no_save
    )
    calibrate_devices(options, Output(as_json))
