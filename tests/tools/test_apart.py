"""What strangers sent is decoded in processes of their own, which can do little."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from dialtone import apart
from dialtone.listening.drawing import draw
from dialtone.monitor.thumbnails import Thumbnails
from PIL import Image

import imaging
from framing import Partial

PHOTO = Path(__file__).parents[2] / "tools" / "dialtone" / "data" / "photo.png"


@pytest.fixture(scope="module")
def fitted() -> tuple[bytes, bytes]:
    """A picture for the air, and its preview."""
    picture = imaging.load(PHOTO)
    return imaging.fit(picture, 20_000).data, imaging.make_preview(picture)


def partial(data: bytes, size: int | None, preview: bytes, media: str = "image/avif") -> Partial:
    return Partial("photo.avif", media, size, preview, data)


def test_half_a_picture_is_drawn_as_here(fitted: tuple[bytes, bytes]) -> None:
    data, preview = fitted
    half = data[: len(data) // 2]
    for size in (len(data), None):
        drawn = draw(partial(half, size, preview))
        assert drawn == imaging.draw_partial(half, size, preview, 640)
        assert drawn is not None
        assert max(Image.open(io.BytesIO(drawn)).size) == 640


def test_a_picture_that_claims_a_gigabyte_is_a_preview(fitted: tuple[bytes, bytes]) -> None:
    """16383 x 16383 pixels, for which decoders ask before their size can be looked at."""
    file = io.BytesIO()
    Image.open(PHOTO).save(file, "WEBP")
    data = bytearray(file.getvalue())
    at = data.index(b"\x9d\x01\x2a") + 3
    data[at : at + 4] = b"\xff\x3f\xff\x3f"
    for length in (3000, len(data)):
        shown = draw(partial(bytes(data[:length]), len(data), fitted[1]))
        assert shown is not None
        assert max(Image.open(io.BytesIO(shown)).size) == 640


def test_only_pictures_have_previews(fitted: tuple[bytes, bytes]) -> None:
    data, preview = fitted
    assert draw(partial(b"", 1000, preview)) is not None
    assert draw(partial(b"", 1000, preview, "text/plain")) is None
    assert draw(partial(b"no picture", 1000, b"")) is None
    shown = draw(partial(data[: len(data) // 2], len(data), preview, "text/plain"))
    assert shown == imaging.draw_partial(data[: len(data) // 2], len(data), b"", 640)


def test_files_that_were_received_here_are_no_modules(
    fitted: tuple[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody sends resource.py, and `listen` is started where `receive` has put it."""
    for name in ("resource", "dialtone", "imaging", "PIL", "io", "numpy"):
        (tmp_path / f"{name}.py").write_text("open('was here', 'w')\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    assert draw(partial(*fitted[:1], None, fitted[1])) is not None
    assert Thumbnails(100).get("photo", PHOTO.read_bytes) is not None
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize(
    ("module", "words"),
    [("no.such.module", ()), ("timeit", ("-n", "1", "while True: pass"))],
)
def test_whatever_goes_wrong_there_is_no_answer(module: str, words: tuple[str, ...]) -> None:
    assert apart.answer(module, words, b"data", 1) is None


@pytest.mark.parametrize(
    ("work", "error"),
    [
        ("bytearray(1 << 29)", "MemoryError"),
        ("open('file', 'wb', 0).write(b'x')", "OSError"),
        ("while True: pass", ""),
    ],
)
def test_it_is_bounded(tmp_path: Path, work: str, error: str) -> None:
    program = f"from dialtone import apart\napart.bound(1 << 28, 1)\n{work}\n"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode != 0
    assert error in done.stderr
    assert not any(path.stat().st_size for path in tmp_path.iterdir())
