"""A key file in a picture: what is written, what is said, and what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dialtone import whole
from dialtone.errors import ExitCode, Failure, explain
from dialtone.hiding import hide_key, unhide_key
from dialtone.output import Output
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import imaging

PHOTO = Path(__file__).parents[2] / "tools" / "dialtone" / "data" / "photo.png"
KEY = b"dialtone-identity-afqsc4tfm3 # nobody else's\n" * 4


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "me.identity"
    path.write_bytes(KEY)
    return path


@pytest.fixture
def out() -> Output:
    return Output()


def refused(work: Callable[..., None], *arguments: object) -> Failure:
    """The sentence that the program says instead."""
    with pytest.raises((Failure, OSError, imaging.ImagingError)) as caught:
        work(*arguments)
    failure = explain(caught.value)
    assert failure is not None
    assert "dialtone-identity" not in f"{failure.sentence} {failure.hint} {failure.facts}"
    return failure


@pytest.mark.parametrize("passphrase", [None, b"under the stairs"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_key_comes_back_and_the_picture_keeps_its_kind(
    tmp_path: Path, key: Path, out: Output, mode: str, passphrase: bytes | None
) -> None:
    cover, picture, found = (tmp_path / name for name in ("cover.png", "out.PNG", "found"))
    with Image.open(PHOTO) as photo:
        photo.convert(mode).save(cover)
    hide_key(cover, key, picture, passphrase, out)
    with Image.open(picture) as image, Image.open(cover) as before:
        assert (image.mode, image.size, image.format) == (mode, before.size, "PNG")
        assert np.abs(np.asarray(image).astype(int) - np.asarray(before)).max() == 1
    unhide_key(picture, found, passphrase, out)
    assert found.read_bytes() == KEY
    assert found.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["cover.png", "found", "me.identity", "out.PNG"]
    )


def test_sixteen_bits_stay_sixteen(tmp_path: Path, key: Path, out: Output) -> None:
    pixels = np.random.default_rng(3).integers(0, 65536, (60, 70, 3)).astype(np.uint16)
    cover, picture = tmp_path / "deep.png", tmp_path / "out.png"
    cover.write_bytes(imaging.save_png(pixels))
    hide_key(cover, key, picture, None, out)
    found = imaging.load(picture).pixels
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - pixels).max() == 1
    unhide_key(picture, tmp_path / "found", None, out)
    assert (tmp_path / "found").read_bytes() == KEY


def test_nothing_but_pixels_is_copied(
    tmp_path: Path, key: Path, out: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = PngInfo()
    facts.add_text("Author", "somebody")
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    cover, picture = tmp_path / "cover.png", tmp_path / "out.png"
    with Image.open(PHOTO) as photo:
        photo.save(cover, pnginfo=facts, exif=exif, icc_profile=b"a profile", dpi=(72, 72))
    hide_key(cover, key, picture, None, out)
    data = picture.read_bytes()
    chunks, position = [], 8
    while position < len(data):
        chunks.append(data[position + 4 : position + 8])
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}
    assert "colour profile is not copied" in capsys.readouterr().err


def test_palettes_become_colour_and_lossy_covers_are_told(
    tmp_path: Path, key: Path, out: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(PHOTO) as photo:
        photo.quantize(64).save(tmp_path / "few.png")
        photo.save(tmp_path / "lossy.jpg", quality=90)
    for name, words in (("few.png", "few colours"), ("lossy.jpg", "traces of its compression")):
        hide_key(tmp_path / name, key, tmp_path / "out.png", None, out)
        assert words in capsys.readouterr().err
        with Image.open(tmp_path / "out.png") as image:
            assert image.mode == "RGB"
        (tmp_path / "found").unlink(missing_ok=True)
        unhide_key(tmp_path / "out.png", tmp_path / "found", None, out)
        assert (tmp_path / "found").read_bytes() == KEY


def test_what_is_said(
    tmp_path: Path, key: Path, out: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "out.png"
    hide_key(PHOTO, key, picture, None, out)
    said = capsys.readouterr().err
    for words in (
        f"{len(KEY)} bytes of {key} hidden in {PHOTO}",
        "room for 18,422",
        "dB",
        "hidden from a casual look, not from somebody who searches pictures for such things",
        "gone as soon as the picture is scaled, cropped or saved as JPEG",
        "the key itself is not encrypted",
        "everybody with this program finds it",
        f"whoever has {PHOTO} too",
    ):
        assert words in said
    hide_key(PHOTO, key, picture, b"where", out)
    assert "everybody with this program" not in capsys.readouterr().err


def test_events(tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    picture, found = tmp_path / "out.png", tmp_path / "found"
    hide_key(PHOTO, key, picture, b"where", out)
    unhide_key(picture, found, b"where", out)
    said = capsys.readouterr()
    assert said.err == ""
    assert "dialtone-identity" not in said.out
    hidden, revealed = (json.loads(line) for line in said.out.splitlines())
    with Image.open(PHOTO) as a, Image.open(picture) as b:
        error = np.mean((np.asarray(a).astype(float) - np.asarray(b)) ** 2)
    assert hidden.pop("psnr_db") == pytest.approx(10 * np.log10(255**2 / error), abs=1e-5)
    assert hidden == {
        "event": "hidden",
        "cover": str(PHOTO),
        "key": str(key),
        "output": str(picture),
        "bytes": len(KEY),
        "capacity": 18422,
    }
    assert revealed == {
        "event": "revealed",
        "picture": str(picture),
        "output": str(found),
        "bytes": len(KEY),
        "capacity": 18422,
    }


def test_nothing_is_found(tmp_path: Path, key: Path, out: Output) -> None:
    picture, found = tmp_path / "out.png", tmp_path / "found"
    hide_key(PHOTO, key, picture, b"where", out)
    with Image.open(picture) as image:
        image.save(tmp_path / "out.jpg", quality=100, subsampling=0)
    for source, passphrase in (
        (picture, None),
        (picture, b"elsewhere"),
        (tmp_path / "out.jpg", b"where"),
        (PHOTO, b"where"),
        (PHOTO, None),
    ):
        failure = refused(unhide_key, source, found, passphrase, out)
        assert "nothing is found in this picture" in failure.sentence
        assert failure.code == ExitCode.INCOMPLETE
        assert not found.exists()


def test_a_file_is_never_overwritten_by_a_key(
    tmp_path: Path, key: Path, out: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, found = tmp_path / "out.png", tmp_path / "found"
    hide_key(PHOTO, key, picture, None, out)
    found.write_bytes(b"precious")
    failure = refused(unhide_key, picture, found, None, out)
    assert "exists already, and a key is never overwritten" in failure.sentence
    with pytest.raises(FileExistsError):  # one that came in between
        whole.write_private(found, b"a key")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "elsewhere")
    assert "exists already" in refused(unhide_key, picture, dangling, None, out).sentence

    def no_links(*_: object) -> None:
        raise PermissionError(whole.NO_LINKS[0], "no links here")

    monkeypatch.setattr(whole.os, "link", no_links)
    with pytest.raises(FileExistsError):
        whole.write_private(found, b"a key")
    assert found.read_bytes() == b"precious"
    whole.write_private(tmp_path / "new", b"a key")
    assert (tmp_path / "new").read_bytes() == b"a key"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".dialtone-*"))


def make(folder: Path, what: str) -> Path:
    """A file that is in some way no good."""
    path = folder / what
    match what:
        case "text.png":
            path.write_text("no picture")
        case "cut.png":
            path.write_bytes(PHOTO.read_bytes()[:9000])
        case "tiny.png":
            Image.new("RGB", (20, 20), "grey").save(path)
        case "empty.key":
            path.touch()
        case "huge.key":
            path.write_bytes(bytes(65536))
    return path


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ({"output": "out.jpg"}, "only PNG files are written"),
        ({"output": "out"}, "only PNG files are written"),
        ({"output": "none/out.png"}, "there is no such file"),
        ({"cover": "none.png"}, "none.png: there is no such file"),
        ({"cover": "text.png"}, "not a picture of a known format"),
        ({"cover": "cut.png"}, "damaged|cannot be read"),
        ({"cover": "tiny.png"}, r"too small to hide 180 bytes: .* pixels of colour, \d+ x \d+"),
        ({"key": "none.key"}, "there is no such file"),
        ({"key": "empty.key"}, "empty.key is empty"),
        ({"key": "huge.key"}, "at most 65535 bytes"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, key: Path, out: Output, which: dict[str, Any], words: str
) -> None:
    cover = make(tmp_path, which["cover"]) if "cover" in which else PHOTO
    secret = make(tmp_path, which["key"]) if "key" in which else key
    output = tmp_path / which.get("output", "out.png")
    before = sorted(tmp_path.iterdir())
    failure = refused(hide_key, cover, secret, output, None, out)
    assert failure.code == ExitCode.USAGE
    assert re.search(words, failure.sentence)
    assert sorted(tmp_path.iterdir()) == before


def test_the_cover_and_the_key_are_not_overwritten(tmp_path: Path, out: Output) -> None:
    cover, key = tmp_path / "cover.png", tmp_path / "key.png"
    cover.write_bytes(PHOTO.read_bytes())
    key.write_bytes(KEY)
    assert "is the cover itself" in refused(hide_key, cover, key, cover, None, out).sentence
    assert "is the key itself" in refused(hide_key, cover, key, key, None, out).sentence
    assert cover.read_bytes() == PHOTO.read_bytes()
    assert key.read_bytes() == KEY
