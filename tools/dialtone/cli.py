"""The commands of `dialtone`: what each takes, nothing of what it does.

Heavy modules (numpy, numba, soundfile, matplotlib) are imported by the commands when they run,
never here: `dialtone --help` must come at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from dialtone import keycli, livecli, transfercli
from dialtone.keyoptions import (
    KeyInHeader,
    PassphraseFile,
    PassphrasePrompt,
    Plain,
)
from dialtone.locking import LockOptions
from dialtone.options import (
    AsIs,
    ChannelSpec,
    Json,
    NoiseBefore,
    Pixels,
    ProfileName,
    Repair,
    Seed,
    SpeedChoice,
)
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions
from dialtone.words import WordsCommand

app = typer.Typer(
    name="dialtone",
    # Rich would double the time of --help; these pages are plain text on purpose.
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"dialtone {version('dialtone')}")
        raise typer.Exit


@app.callback()
def _dialtone(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and leave."
        ),
    ] = False,
) -> None:
    """Send files and pictures as sound: over a cable, a phone call, an MP3 file.

    \b
    Examples:
      dialtone send photo.png --passphrase-file key.txt -o photo.wav
      dialtone receive photo.wav --passphrase-file key.txt -d inbox
      dialtone loopback photo.png --channel phone
      dialtone key new

    \b
    Exit codes: 0 done; 1 nothing received or incomplete; 2 wrong usage or bad input file;
    3 key or authentication failure; 4 device or network; 130 interrupted.
    """


app.add_typer(keycli.app, name="key")


app.command(cls=WordsCommand)(transfercli.send)
app.command(cls=WordsCommand)(transfercli.receive)


@app.command()
def loopback(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What to send.")],
    channel: ChannelSpec = "",
    profile: ProfileName = None,
    speed: SpeedChoice = None,
    folder: Annotated[
        Path | None,
        typer.Option("-d", "--directory", metavar="DIR", help="Keep the received file in DIR."),
    ] = None,
    seed: Seed = 0,
    noise_before: NoiseBefore = 0.0,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    key_in_header: KeyInHeader = False,
    plain: Plain = False,
    repair: Repair = None,
    pixels: Pixels = False,
    as_is: AsIs = False,
    as_json: Json = False,
) -> None:
    """Send, simulate a channel, receive and compare, all in memory.

    Without a key option the file is encrypted with a passphrase made up for the occasion.
    Exit code 0 only if what arrived equals what was sent.

    \b
    Examples:
      dialtone loopback photo.png --channel phone
      dialtone loopback photo.png -p cable -s max --channel awgn=40,skew=100 --seed 7
      dialtone loopback photo.png -p mp3 --channel mp3=128 --noise-before 0.5
    """
    from dialtone.loopback import LoopbackOptions, loopback_file

    loopback_file(
        LoopbackOptions(
            file=file,
            channel=channel,
            profile=profile,
            speed=speed,
            folder=folder,
            seed=seed,
            noise_before_s=noise_before,
            keys=LockOptions(
                PassphraseOptions(passphrase_file, passphrase_prompt), key_in_header, plain
            ),
            repair=None if repair is None else repair / 100,
            pixels=pixels,
            as_is=as_is,
        ),
        Output(as_json),
    )


@app.command()
def channel(
    source: Annotated[
        str | None, typer.Argument(metavar="IN.wav", help="Recording to pass through.")
    ] = None,
    target: Annotated[
        str | None, typer.Argument(metavar="OUT.wav", help="Sound file to write.")
    ] = None,
    spec: ChannelSpec = "",
    seed: Seed = 0,
    list_steps: Annotated[
        bool, typer.Option("--list", help="Show the steps and the named bundles.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Pass a recording through a simulated channel.

    \b
    Examples:
      dialtone channel --list
      dialtone channel sent.wav heard.wav --channel phone
      dialtone channel sent.wav heard.wav --channel band=300-3400,g711u,awgn=30 --seed 7
    """
    from dialtone.simulate import list_channels, simulate_file

    out = Output(as_json)
    if list_steps:
        list_channels(out)
    else:
        simulate_file(source, target, spec, seed, out)


@app.command()
def profiles(as_json: Json = False) -> None:
    """List the profiles and their speeds.

    Bit rate after all modem overheads, the SNR it needs, the air time of 100 kB.

    \b
    Examples:
      dialtone profiles
      dialtone profiles --json
    """
    from dialtone.profiles import show_profiles

    show_profiles(Output(as_json))


@app.command()
def inspect(
    file: Annotated[str, typer.Argument(metavar="IN", help="Any recording.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.png", help="Default: IN's name with .png."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw a report of a recording, decodable or not.

    Spectrogram, level, constellation, SNR per carrier, clock error, the superframes found, and
    in words what the recording is or why it cannot be decoded.

    \b
    Examples:
      dialtone inspect photo.wav
      dialtone inspect call.mp3 -o report.png
    """
    from dialtone.inspector import inspect_file

    inspect_file(file, output, Output(as_json))


@app.command()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Default speeds only, a small payload, no other modems.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Every speed of every profile.")] = False,
    payload_kib: Annotated[
        int, typer.Option("--payload-kib", metavar="N", min=1, max=16384, help="Random bytes sent.")
    ] = 64,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure delivered bit rates over simulated channels.

    Counts all overheads; compares with the limit of the channel, and with the modems amodem and
    minimodem where they are installed; compilation is not counted.

    \b
    Examples:
      dialtone bench
      dialtone bench --quick --json
    """
    from dialtone.bench import run_bench

    run_bench(quick, full, payload_kib * 1024, seed, Output(as_json))


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("-d", "--directory", metavar="DIR", help="Folder for the results.")
    ] = Path("demo"),
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Send a photo through a simulated call and an MP3 file.

    Writes the received pictures, the sound, reports of both and a page, index.html.

    \b
    Example:
      dialtone demo -d demo
    """
    from dialtone.demo import run_demo

    run_demo(folder, seed, Output(as_json))


app.command()(livecli.devices)
app.command(cls=WordsCommand)(livecli.listen)
app.command()(livecli.calibrate)
