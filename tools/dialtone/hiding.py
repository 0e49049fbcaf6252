"""The commands `key hide` and `key unhide`: a key file in a picture, and out of it again."""

from pathlib import Path

import imaging
from dialtone.errors import ExitCode, Failure, sentence
from dialtone.output import Output, count
from dialtone.whole import whole_file, write_private
from framing.cipher import passphrase_bytes

_WORTH = (
    "hidden from a casual look, not from somebody who searches pictures for such things, and gone "
    "as soon as the picture is scaled, cropped or saved as JPEG; the key itself is not encrypted "
    "by it"
)
_LOSSY = ("JPEG", "WEBP", "AVIF")


def hide_key(
    cover: Path, key: Path, output: Path, passphrase: str | bytes | None, out: Output
) -> None:
    """Write the picture `cover` with the bytes of the file `key` hidden in it to `output`, a PNG.

    passphrase  chooses the places; with None everybody who has this program finds the key
    The picture keeps its size, its bits and its kind (grey or colour, with or without alpha;
    palettes become colour); nothing else of the cover's file is copied.
    Raises Failure where the cover is no picture, OSError, or ImagingError where it is too small.
    """
    from imaging import hidden

    if output.suffix.lower() != ".png":
        raise Failure(
            f"{output} would not keep what is hidden: only PNG files are written",
            "give -o a name that ends in .png",
        )
    for source, what in ((cover, "cover"), (key, "key")):
        if output.exists() and output.samefile(source):
            raise Failure(f"{output} is the {what} itself", "give -o another name")
    with key.open("rb") as file:
        secret = file.read(hidden.MAX_SECRET + 1)
    if not secret:
        raise Failure(f"{key} is empty", "there is nothing to hide")
    if len(secret) > hidden.MAX_SECRET:
        raise Failure(
            f"{key} is too large: a picture hides at most {hidden.MAX_SECRET} bytes",
            "hide a key, and send large files encrypted with it",
        )
    picture = _picture(cover)
    pixels = hidden.hide(picture.pixels, secret, passphrase_bytes(passphrase or ""))
    likeness = hidden.psnr(picture.pixels, pixels)
    room, info = hidden.capacity(pixels), picture.info
    del picture  # a large one is not held while Pillow holds another
    png = imaging.save_png(pixels, quick=True)
    with whole_file(output) as file:
        file.write(png)
    out.event(
        "hidden",
        cover=str(cover),
        key=str(key),
        output=str(output),
        bytes=len(secret),
        capacity=room,
        psnr_db=likeness,
    )
    out.say(
        f"{output}: {count(len(secret), 'byte')} of {key} hidden in {cover}, which has room for "
        f"{room:,}; PSNR {likeness:.1f} dB"
    )
    for note in (*info.notes, *_notes(info)):
        out.say(f"note: {note}")
    out.say(_WORTH)
    if not passphrase:
        out.say("no passphrase chose the places: everybody with this program finds it")
    out.say(f"whoever has {cover} too sees what was changed: keep it to yourself")


def unhide_key(picture: Path, output: Path, passphrase: str | bytes | None, out: Output) -> None:
    """Write what is hidden in a picture to `output`, a new file only its owner can read.

    passphrase  the one the key was hidden with
    Raises Failure where it is no picture, nothing is found or `output` exists, OSError.
    """
    from imaging import hidden

    if output.exists() or output.is_symlink():
        raise Failure(
            f"{output} exists already, and a key is never overwritten",
            "give -o another name, or move that file away",
        )
    pixels = _picture(picture).pixels
    try:
        secret = hidden.reveal(pixels, passphrase_bytes(passphrase or ""))
    except imaging.NothingHiddenError as error:
        hint = "the passphrase it was hidden with is needed, and the very file that was written"
        raise Failure(f"{picture}: {error}", hint, ExitCode.INCOMPLETE) from error
    write_private(output, secret)
    room = hidden.capacity(pixels)
    out.event(
        "revealed", picture=str(picture), output=str(output), bytes=len(secret), capacity=room
    )
    out.say(f"{output}: {count(len(secret), 'byte')} found in {picture}, readable by you alone")


def _picture(path: Path) -> "imaging.Picture":
    try:
        return imaging.load(path.read_bytes())
    except imaging.ImagingError as error:
        raise Failure(f"{path}: {sentence(str(error))}", "give a PNG, or another picture") from None


def _notes(info: "imaging.PictureInfo") -> list[str]:
    notes = []
    if info.mode in ("1", "P", "PA"):
        notes.append("a picture of few colours betrays each change: take a photo")
    if info.format in _LOSSY:
        notes.append(
            f"a cover from {info.format} has traces of its compression, against which changes can "
            "be found one by one: take a photo that was never compressed with losses"
        )
    if info.icc_profile is not None or info.gamma is not None:
        notes.append("the cover's colour profile is not copied: its colours may look different")
    return notes
