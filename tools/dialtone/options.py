"""Options that several commands share, as typer reads them from a signature."""

from pathlib import Path
from typing import Annotated

import typer

SoundFile = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="OUT",
        help="Sound file to write: .wav, .flac or .mp3; - writes raw 16-bit samples at the "
        "profile's rate to stdout, mono, or both sides interleaved for a stereo profile. "
        "Without it the sound card plays.",
    ),
]
SoundDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="D",
        help="Sound device: number, name or part of a name, as `dialtone devices` shows them. "
        "Default: the system's.",
    ),
]
Vox = Annotated[
    float,
    typer.Option(
        "--vox",
        metavar="S",
        min=0,
        max=60,
        help="Sound card: S seconds of sound ahead, for switches that open at a voice.",
    ),
]
PushToTalk = Annotated[
    str | None,
    typer.Option(
        "--ptt",
        metavar="CMD",
        help="Sound card: run `CMD on` before the sound and `CMD off` behind it, whatever happens.",
    ),
]
Gain = Annotated[
    float | None,
    typer.Option(
        "--gain",
        metavar="DB",
        min=-60,
        max=0,
        help="Sound card: play softer by so many dB, 0 to -60. Default: what was calibrated, "
        "else 0.",
    ),
]
Recording = Annotated[
    str | None,
    typer.Argument(
        metavar="IN|-",
        help="A recording (WAV, MP3, FLAC, Ogg), any rate, mono or stereo; - is stdin: a WAV "
        "stream or raw 16-bit samples. Without it the sound card records.",
    ),
]
FirstOnly = Annotated[bool, typer.Option("--once", help="Stop after the first complete transfer.")]
Again = Annotated[
    bool, typer.Option("--again", help="Take transfers that were received before, too.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="S",
        min=0.1,
        help="Stop after S seconds of sound, or S seconds of waiting on stdin or a sound card.",
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--profile",
        metavar="NAME",
        help="One of those that `dialtone profiles` shows. Default: what the sound device was "
        "calibrated for, else phone; for an .mp3 file what its bit rate carries fastest.",
    ),
]
SpeedChoice = Annotated[
    str | None,
    typer.Option(
        "-s",
        "--speed",
        metavar="N|max",
        help="Speed of the profile: 1 is the most robust, max the fastest. Default: the one a "
        "typical channel of that kind carries with room to spare.",
    ),
]
Repair = Annotated[
    float | None,
    typer.Option(
        "--repair",
        metavar="PERCENT",
        min=0,
        max=1000,
        help="Extra packets, in percent. Default: 2, or up to 8 where that makes good for a whole "
        "lost superframe.",
    ),
]
RawRate = Annotated[
    int | None,
    typer.Option(
        "--rate",
        metavar="HZ",
        min=8000,
        max=192000,
        help="Sample rate of raw samples on stdin, or to record at. Default: the rates of all "
        "profiles are tried at once; of a sound card its own, mostly 48000.",
    ),
]
RawChannels = Annotated[
    int | None,
    typer.Option(
        "--channels",
        metavar="N",
        min=1,
        max=2,
        help="Channels of raw samples on stdin, 2 for interleaved stereo, or to record. "
        "Default: 1; of a sound card 2 where it has them.",
    ),
]
Folder = Annotated[
    Path, typer.Option("-d", "--directory", metavar="DIR", help="Folder for what is received.")
]
ChannelSpec = Annotated[
    str,
    typer.Option(
        "--channel",
        metavar="SPEC",
        help="Simulated channel: steps from left to right, for example "
        "band=300-3400,g711u,awgn=35,skew=80. `dialtone channel --list` shows them all.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Makes a run repeatable.")]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on stdout; no sentences.")
]
ForChannel = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="SPEC",
        help="Take what gets through this simulated channel fastest, with room to spare: "
        "g711u,awgn=35.",
    ),
]
Mp3Kbps = Annotated[
    int, typer.Option("--mp3-kbps", metavar="K", min=32, max=320, help="Bit rate of an MP3.")
]
Repeat = Annotated[
    int,
    typer.Option(
        "--repeat",
        metavar="N",
        min=0,
        help="Send N times over, each time with other repair packets; 0 sends until stopped "
        "(not into a file).",
    ),
]
Fit = Annotated[
    float | None,
    typer.Option(
        "--fit",
        metavar="SECONDS",
        min=0.1,
        help="A picture: compress it so that it takes this air time, never more.",
    ),
]
AsIs = Annotated[
    bool, typer.Option("--as-is", help="A PNG: send its bytes as they are, not repacked.")
]
Pixels = Annotated[
    bool,
    typer.Option(
        "--pixels",
        help="A picture: send its exact pixels instead of the file's bytes. Arrives as PNG.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say how long it would take; write nothing.")
]
NoiseBefore = Annotated[
    float,
    typer.Option(
        "--noise-before",
        metavar="S",
        min=0,
        help="Seconds of quiet ahead of the signal, for the channel to fill with noise.",
    ),
]
