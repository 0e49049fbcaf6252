"""Pictures on the command line: exact pixels, and pictures fitted to an air time."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from dialtone import pictures
from dialtone.errors import Failure
from PIL import Image

import framing
import imaging

PIXELS, PACKED = pictures.RESTORED_MEDIA


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 x 64 pixels of something smooth with noise on it."""
    y, x = np.mgrid[0:64, 0:96]
    rng = np.random.default_rng(2)
    smooth = np.stack((2 * x + y, 3 * y, 255 - x - y), axis=-1) + rng.normal(0, 4, (64, 96, 3))
    path = tmp_path_factory.mktemp("pictures") / "photo.bmp"
    Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_pixels_arrive_exact_and_smaller(dialtone, photo, tmp_path, mode):
    source = tmp_path / "picture.bmp" if mode != "RGBA" else tmp_path / "picture.tif"
    with Image.open(photo) as image:
        image.convert(mode).save(source)
    sound = tmp_path / "x.wav"
    sent = dialtone(
        "send", source, "--pixels", "--plain", "-p", "cable", "-o", sound, "--json"
    ).event("sent")
    assert sent["bytes"] < source.stat().st_size
    answer = dialtone("receive", sound, "-d", tmp_path / "in", "--json")
    assert answer.code == 0
    assert answer.event("received")["file"] == str(tmp_path / "in" / "picture.png")
    with Image.open(tmp_path / "in" / "picture.png") as got, Image.open(source) as wanted:
        assert got.mode == mode
        assert np.array_equal(np.asarray(got), np.asarray(wanted))
    assert not list((tmp_path / "in").glob("*.pixels"))


@pytest.mark.parametrize("level", [1, 6, 9])
def test_a_png_arrives_byte_for_byte_in_fewer_bytes(dialtone, photo, tmp_path, level):
    source = tmp_path / "photo.png"
    with Image.open(photo) as image:
        image.save(source, compress_level=level)
    sound = {}
    for how in ("packed", "as-is"):
        sound[how] = tmp_path / f"{how}.wav"
        extra = ["--as-is"] if how == "as-is" else []
        sent = dialtone(
            "send", source, "--plain", "-p", "cable", "-o", sound[how], "--json", *extra
        ).event("sent")
        assert (sent["file"], sent["bytes"]) == ("photo.png", source.stat().st_size)
        answer = dialtone("receive", sound[how], "-d", tmp_path / how, "--json")
        assert answer.code == 0
        assert answer.event("received")["bytes"] == source.stat().st_size
        assert (tmp_path / how / "photo.png").read_bytes() == source.read_bytes()
        assert [p.name for p in (tmp_path / how).iterdir() if p.suffix] == ["photo.png"]
    assert sound["packed"].stat().st_size <= sound["as-is"].stat().st_size


@pytest.fixture(scope="session")
def png(photo: Path) -> Path:
    """The same picture as a PNG that no zlib other than Python's has packed."""
    with Image.open(photo) as image:
        header = struct.pack(">IIBBBBB", *image.size, 8, 2, 0, 0, 0)
        rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(image))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path = photo.with_name("by hand.PNG")
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )
    return path


def test_a_packed_png_keeps_its_name_and_says_what_it_took(dialtone, png, tmp_path):
    sound, folder = tmp_path / "x.wav", tmp_path / "in"
    options = ("send", png, "--plain", "-p", "cable", "--json")
    planned = dialtone(*options, "--dry-run").event("planned")
    sent = dialtone(*options, "-o", sound).event("sent")
    assert planned["payload_bytes"] == sent["payload_bytes"] < 0.8 * sent["bytes"]
    for _ in range(2):  # a file that is there already is not stored twice
        received = dialtone("receive", sound, "-d", folder, "--again", "--json").event("received")
        assert received["file"] == str(folder / png.name)
        assert received["payload_bytes"] == sent["payload_bytes"]
        assert received["sha256"] == hashlib.sha256(png.read_bytes()).hexdigest()
        assert received["note"] == ""
    assert [path.name for path in folder.iterdir() if path.is_file()] == [png.name]
    repeated = dialtone("receive", sound, "-d", folder, "--json")
    assert repeated.code == 0
    assert repeated.event("repeated")["file"] == str(folder / png.name)

    (folder / png.name).write_bytes(b"something else")
    assert dialtone("receive", sound, "-d", folder).code == 1
    received = dialtone("receive", sound, "-d", folder, "--again", "--json").event("received")
    assert received["file"] == str(folder / "by hand (1).PNG")
    assert (folder / "by hand (1).PNG").read_bytes() == png.read_bytes()


def test_leftovers_of_an_earlier_failure_do_not_change_the_name(png, tmp_path):
    packed = imaging.pack_png(png.read_bytes())
    assert packed is not None
    raw = tmp_path / "photo.png (1).packed"
    raw.write_bytes(packed)
    assert pictures.restore(raw, PACKED).path == tmp_path / "photo.png"


def test_another_zlib_at_the_receiver_is_said_and_loses_nothing(
    dialtone, png, tmp_path, monkeypatch
):
    sound = tmp_path / "x.wav"
    assert dialtone("send", png, "--plain", "-p", "cable", "-o", sound).code == 0
    genuine = zlib.compressobj
    monkeypatch.setattr(
        zlib, "compressobj", lambda level, *more, **named: genuine(1, *more, **named)
    )
    for extra in ((), ("--json",)):
        answer = dialtone("receive", sound, "-d", tmp_path / "in", "--again", *extra)
        assert answer.code == 0
        said = answer.event("received")["note"] if extra else answer.err
        assert "same pixels" in said
    got = tmp_path / "in" / png.name
    assert got.read_bytes() != png.read_bytes()
    assert np.array_equal(imaging.load(got).pixels, imaging.load(png).pixels)


def test_loopback_sends_a_png_packed_or_as_it_is(dialtone, png):
    options = ("loopback", png, "-p", "cable", "--json")
    packed = dialtone(*options).event("loopback")
    whole = dialtone(*options, "--as-is").event("loopback")
    assert packed["exact"] is whole["exact"] is True
    assert packed["bytes"] == whole["bytes"] == whole["payload_bytes"] == png.stat().st_size
    assert packed["payload_bytes"] < 0.8 * packed["bytes"]
    assert dialtone(*options, "--as-is", "--pixels").code == 2


def test_a_png_that_only_claims_to_be_one_goes_as_it_is(dialtone, tmp_path):
    source = tmp_path / "false.png"
    source.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(200)))
    answer = dialtone("loopback", source, "-p", "cable", "-d", tmp_path / "in", "--json")
    assert answer.code == 0
    assert (tmp_path / "in" / "false.png").read_bytes() == source.read_bytes()


def test_loopback_compares_pixels(dialtone, photo):
    answer = dialtone("loopback", photo, "--pixels", "-p", "cable", "--channel", "cable", "--json")
    assert answer.code == 0
    assert answer.event("loopback")["exact"] is True


@pytest.mark.parametrize(
    ("profile", "speed", "seconds"), [("phone", "4", 6.0), ("mp3", "max", 0.65)]
)
def test_fit_fills_the_air_time_and_never_more(dialtone, photo, tmp_path, profile, speed, seconds):
    sound = tmp_path / "x.wav"
    options = ("-p", profile, "-s", speed, "--fit", seconds, "--key-in-header")
    answer = dialtone("send", photo, *options, "-o", sound, "--json")
    assert answer.code == 0
    sent = answer.event("sent")
    assert sent["air_seconds"] <= seconds
    assert sent["air_seconds"] >= 0.8 * seconds  # a small picture may have less to tell
    answer = dialtone("receive", sound, "-d", tmp_path / "in", "--json")
    received = Path(answer.event("received")["file"])
    assert received.suffix in (".webp", ".avif")
    with Image.open(received) as image:
        assert image.size[0] > 0


def test_a_fitted_picture_is_seen_while_it_arrives(tmp_path):
    photo = Path(pictures.__file__).parent / "data" / "photo.png"
    payload = pictures.fitted_payload(photo, 10.0, lambda payload: payload.size / 1000)
    assert payload.preview == imaging.make_preview(imaging.load(photo))
    sending = framing.Outgoing(
        payload.stream,
        name=payload.name,
        key=framing.ClearKey(),
        packet_bytes=502,
        size=payload.size,
        media=payload.media,
        preview=payload.preview,
    )
    inbox = framing.Inbox(tmp_path / "in")
    shown = []
    for packet in sending:
        received = inbox.put(packet)
        if received is not None:
            break
        partial = inbox.partial(sending.transfer_id)
        drawn = imaging.draw_partial(partial.data, partial.size, partial.preview)
        with Image.open(io.BytesIO(drawn)) as image:
            shown.append(np.asarray(image.resize((384, 256))).astype(int))
    with Image.open(received.path) as image:
        truth = np.asarray(image.convert("RGB").resize((384, 256))).astype(int)
    far = [np.abs(each[:100] - truth[:100]).mean() for each in shown]
    assert far[-1] < 0.2 * far[0]


def test_fit_says_when_it_cannot(dialtone, photo, tmp_path):
    answer = dialtone("send", photo, "--fit", "0.2", "--plain", "-o", tmp_path / "x.wav")
    assert answer.code == 2
    assert "too short" in answer.err


@pytest.mark.parametrize(
    ("name", "media", "head"), [("evil.pixels", PIXELS, b"DTPX"), ("e.png.packed", PACKED, b"DTPR")]
)
def test_hostile_pictures_leave_the_raw_file(tmp_path, name, media, head):
    raw = tmp_path / name
    raw.write_bytes(head + bytes(60))
    with pytest.raises(Failure) as caught:
        pictures.restore(raw, media)
    assert caught.value.code == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_restored_picture_never_replaces_another(tmp_path):
    pixels = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(4, 5, 3)
    (tmp_path / "a.png").write_bytes(b"something else")
    names = []
    for _ in range(2):
        raw = tmp_path / "a.pixels"
        raw.write_bytes(imaging.encode_exact(pixels))
        names.append(pictures.restore(raw, PIXELS).path.name)
    assert names == ["a (1).png", "a (1).png"]  # the same picture is not stored twice
    assert (tmp_path / "a.png").read_bytes() == b"something else"


def test_the_largest_payload_is_found():
    def seconds(n_bytes: int) -> float:
        return 1.0 + n_bytes / 1000

    assert pictures._largest_payload(0.5, seconds) == 0
    for limit in (1.001, 1.3, 2.0, 77.0):
        found = pictures._largest_payload(limit, seconds)
        assert 0 < found <= 1000 * (limit - 1) + 1e-6
        assert found >= 1000 * (limit - 1) * 0.998 - 1
