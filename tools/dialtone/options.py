"""Options that several commands share, as typer reads them from a signature."""

from pathlib import Path
from typing import Annotated

import typer

ProfileName = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--profile",
        metavar="NAME",
        help="phone, mp3 or cable (see `dialtone profiles`). Default: mp3 when an .mp3 file is "
        "written, phone otherwise.",
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
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Read the passphrase from FILE."),
]
PassphrasePrompt = Annotated[
    bool, typer.Option("--passphrase-prompt", help="Ask for the passphrase on the terminal.")
]
KeyInHeader = Annotated[
    bool,
    typer.Option(
        "--key-in-header", help="Send the key along in the key header. It protects nothing."
    ),
]
Plain = Annotated[bool, typer.Option("--plain", help="Send without encryption.")]
Repair = Annotated[
    float,
    typer.Option("--repair", metavar="PERCENT", min=0, max=1000, help="Extra packets, in percent."),
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
