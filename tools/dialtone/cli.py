"""The commands of `dialtone`: what each takes, nothing of what it does.

Heavy modules (numpy, numba, soundfile, matplotlib) are imported by the commands when they run,
never here: `dialtone --help` must come at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from dialtone import keycli, livecli
from dialtone.keyoptions import (
    Expires,
    Identities,
    IdentityPassphraseFile,
    KeyInHeader,
    OneTime,
    PackingOrder,
    PassphraseFile,
    PassphrasePrompt,
    Plain,
    Shares,
    Sign,
    SignAs,
    To,
)
from dialtone.locking import LockOptions, Order
from dialtone.options import (
    Again,
    AsIs,
    ChannelSpec,
    DryRun,
    FirstOnly,
    Fit,
    Folder,
    ForChannel,
    Json,
    Mp3Kbps,
    NoiseBefore,
    Pixels,
    ProfileName,
    RawChannels,
    RawRate,
    Recording,
    Repair,
    Repeat,
    Seed,
    SoundFile,
    SpeedChoice,
    Timeout,
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


@app.command(cls=WordsCommand)
def send(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What to send; - is stdin.")],
    output: SoundFile = None,
    profile: ProfileName = None,
    speed: SpeedChoice = None,
    for_channel: ForChannel = None,
    mp3_kbps: Mp3Kbps = 128,
    to: To = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    key_in_header: KeyInHeader = False,
    plain: Plain = False,
    sign: Sign = False,
    identity: SignAs = None,
    identity_passphrase_file: IdentityPassphraseFile = None,
    expires: Expires = None,
    once: OneTime = False,
    order: PackingOrder = Order.COMPRESS_FIRST,
    repair: Repair = None,
    repeat: Repeat = 1,
    fit: Fit = None,
    pixels: Pixels = False,
    as_is: AsIs = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Turn a file or picture into sound.

    \b
    Examples:
      dialtone send photo.png --passphrase-prompt -o photo.wav
      dialtone send photo.png --to ann bob --sign --expires 2d -o photo.wav
      dialtone send photo.png --passphrase-file key.txt -p mp3 -s max -o photo.mp3
      dialtone send photo.png --plain --fit 20 -o photo.wav      a picture in 20 seconds
      dialtone send big.zip --plain -p cable --dry-run           how long would it take?
      tar c notes | dialtone send - --plain -p cable -o - | aplay -f S16_LE -r 48000
      dialtone send photo.png --plain -p stereo -o - | aplay -f S16_LE -r 48000 -c 2
    """
    from dialtone.send import SendOptions, send_file

    send_file(
        SendOptions(
            file=file,
            output=output,
            profile=profile,
            speed=speed,
            channel=for_channel,
            mp3_kbps=mp3_kbps,
            keys=LockOptions(
                PassphraseOptions(passphrase_file, passphrase_prompt),
                key_in_header,
                plain,
                tuple(to or ()),
                once,
                sign,
                identity,
                identity_passphrase_file,
                expires,
                order,
            ),
            repair=None if repair is None else repair / 100,
            repeat=repeat,
            fit_s=fit,
            pixels=pixels,
            as_is=as_is,
            dry_run=dry_run,
        ),
        Output(as_json, data_on_stdout=output == "-"),
    )


@app.command(cls=WordsCommand)
def receive(
    file: Recording,
    folder: Folder = Path(),
    identity: Identities = None,
    identity_passphrase_file: IdentityPassphraseFile = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    shares: Shares = None,
    rate: RawRate = None,
    channels: RawChannels = None,
    once: FirstOnly = False,
    timeout: Timeout = None,
    again: Again = False,
    as_json: Json = False,
) -> None:
    """Turn sound back into files. Finds profile, speed, level and rate by itself.

    Packets of transfers that are not complete yet are kept beside the received files:
    receive another recording into the same folder, or the same one with the right passphrase,
    and they are put to use.

    \b
    Examples:
      dialtone receive photo.wav --passphrase-prompt -d inbox
      dialtone receive call.mp3 -d inbox --json                  to an identity of yours
      dialtone receive call.wav --shares ann.share bob.share -d inbox
      arecord -f S16_LE -r 48000 | dialtone receive - --once --timeout 60
      arecord -f S16_LE -r 192000 -c 2 | dialtone receive - --rate 192000 --channels 2
    """
    from dialtone.opening import OpenOptions
    from dialtone.receive import ReceiveOptions, receive_file

    receive_file(
        ReceiveOptions(
            file=file,
            folder=folder,
            keys=OpenOptions(
                PassphraseOptions(passphrase_file, passphrase_prompt),
                tuple(identity or ()),
                identity_passphrase_file,
                tuple(shares or ()),
            ),
            rate=rate,
            channels=channels,
            once=once,
            timeout_s=timeout,
            again=again,
        ),
        Output(as_json),
    )


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


app.command(cls=WordsCommand)(livecli.listen)
