"""Sound in and out of files and pipes: exact, streaming, whole or not at all, clear errors."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dialtone import audio
from dialtone.audio import AudioError, open_audio, write_audio

FS = 48000


def sound(seconds: float = 1.0, rate: int = FS, channels: int = 1) -> np.ndarray:
    count = round(seconds * rate)
    x = 0.3 * np.sin(2 * np.pi * 440 / rate * np.arange(count)[:, None] * (1 + np.arange(channels)))
    return x.astype("f4")


def read_all(path: Path | str, **options: object) -> np.ndarray:
    with open_audio(path, **options) as source:  # type: ignore[arg-type]
        chunks = list(source)
    assert all(0 < len(chunk) <= audio.CHUNK_FRAMES for chunk in chunks)
    assert all(chunk.dtype == np.float32 for chunk in chunks)
    return np.concatenate(chunks)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000])
def test_lossless_files_come_back_within_half_a_step(
    tmp_path: Path, suffix: str, channels: int, rate: int
) -> None:
    path = tmp_path / f"out{suffix}"
    x = sound(1.5, rate, channels)
    with write_audio(path, rate, channels=channels) as sink:
        for start in range(0, len(x), 777):
            sink.write(x[start : start + 777])
    with open_audio(path) as source:
        assert (source.sample_rate, source.channels, source.frames) == (rate, channels, len(x))
    np.testing.assert_allclose(read_all(path), x, atol=1 / 32768)
    assert soundfile.info(path).subtype == "PCM_16"
    assert names(tmp_path) == [path.name]


def test_a_new_file_minds_the_umask(tmp_path: Path) -> None:
    with write_audio(tmp_path / "a.wav", FS) as sink:
        sink.write(sound(0.1))
    (tmp_path / "b").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize(("rate", "kbps"), [(48000, 32), (48000, 64), (44100, 128), (44100, 320)])
def test_mp3_has_exactly_the_bit_rate_and_comes_back_aligned(
    tmp_path: Path, rate: int, kbps: int
) -> None:
    path = tmp_path / "out.mp3"
    x = sound(10, rate)
    with write_audio(path, rate, kbps=kbps) as sink:
        sink.write(x)
    frames = -(-len(x) // 1152)
    seconds = path.stat().st_size * 8 / (kbps * 1000)
    # LAME adds the information frame, and up to two frames for its delay and padding.
    assert frames <= round(seconds * rate / 1152) <= frames + 3
    back = read_all(path)
    if kbps > 32:  # the information frame with the exact length does not fit into so small a frame
        assert len(back) == len(x)
        assert np.corrcoef(back[:, 0], x[:, 0])[0, 1] > 0.999


def test_what_is_too_loud_is_clipped_and_nan_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    with write_audio(path, FS) as sink:
        sink.write(np.array([2.0, -2.0, np.nan, np.inf]))
    np.testing.assert_allclose(read_all(path)[:, 0], [1, -1, 0, 1], atol=1e-4)


def test_a_float_file_with_nan_gives_finite_samples(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([0.5, np.nan, np.inf, -np.inf]), FS, subtype="FLOAT")
    np.testing.assert_array_equal(read_all(path)[:, 0], np.array([0.5, 0, 1, -1], "f4"))


@pytest.mark.parametrize(
    ("name", "format_", "subtype"),
    [("a.aiff", "AIFF", "PCM_24"), ("a.ogg", "OGG", "VORBIS"), ("a.w64", "W64", "FLOAT")],
)
def test_other_formats_are_read(tmp_path: Path, name: str, format_: str, subtype: str) -> None:
    soundfile.write(tmp_path / name, sound(1), FS, format=format_, subtype=subtype)
    assert len(read_all(tmp_path / name)) == FS


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    with write_audio(tmp_path / "a.mp3", FS) as sink:
        sink.write(sound(1))
    (tmp_path / "a.mp3").rename(tmp_path / "a.wav")
    assert len(read_all(tmp_path / "a.wav")) == FS


def test_raw_samples_round_trip_and_half_a_sample_is_dropped() -> None:
    pipe = io.BytesIO()
    with write_audio("-", 8000, stdout=pipe) as sink:
        sink.write(sound(1, 8000))
        sink.write(np.zeros(0))
    assert len(pipe.getvalue()) == 16000
    back = read_all("-", raw_rate=8000, stdin=io.BytesIO(pipe.getvalue() + b"\x01"))
    np.testing.assert_allclose(back, sound(1, 8000), atol=1 / 16384)


class Dripping(io.RawIOBase):
    """A pipe that gives three bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(3)


def test_raw_samples_may_be_cut_anywhere() -> None:
    data = np.arange(-500, 500, dtype="<i2").tobytes()
    back = read_all("-", raw_rate=8000, stdin=Dripping(data))
    np.testing.assert_array_equal(back[:, 0] * 32768, np.arange(-500, 500))


def test_real_standard_streams() -> None:
    copy = (
        "from dialtone.audio import open_audio, write_audio\n"
        "with open_audio('-', raw_rate=8000) as a, write_audio('-', 8000) as b:\n"
        "    for chunk in a: b.write(chunk)\n"
    )
    data = np.arange(-20000, 20000, dtype="<i2").tobytes()
    done = subprocess.run([sys.executable, "-c", copy], input=data, capture_output=True, check=True)
    back = np.frombuffer(done.stdout, "<i2")
    np.testing.assert_allclose(back, np.arange(-20000, 20000), atol=1)


def test_a_reader_that_goes_away_is_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with (
        os.fdopen(writing, "wb", buffering=0) as pipe,
        pytest.raises(AudioError, match="cannot write standard output: broken pipe"),
        write_audio("-", 8000, stdout=pipe) as sink,
    ):
        sink.write(sound(1, 8000))


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, SystemExit])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3"])
def test_an_interrupted_file_leaves_nothing(
    tmp_path: Path, suffix: str, failure: type[BaseException]
) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("what was there before")

    def interrupted() -> None:
        with write_audio(path, FS) as sink:
            sink.write(sound(1))
            raise failure

    with pytest.raises(failure):
        interrupted()
    assert path.read_text() == "what was there before"
    assert names(tmp_path) == [path.name]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr("dialtone.audiowriters._scratch", lambda _: full.open("wb"))
    with (
        pytest.raises(AudioError, match=r"out\.wav: no space left on device"),
        write_audio(tmp_path / "out.wav", FS) as sink,
    ):
        sink.write(sound(5))
    assert names(tmp_path) == []


def test_devices_and_pipes_are_written_in_place(tmp_path: Path) -> None:
    with write_audio("/dev/null", FS) as sink:
        sink.write(sound(1))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    fifo = tmp_path / "fifo.flac"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE)
    with write_audio(fifo, FS) as sink:
        sink.write(sound(1))
    data, _ = reader.communicate(timeout=20)
    samples, rate = soundfile.read(io.BytesIO(data))
    assert (len(samples), rate) == (FS, FS)


def test_the_standard_output_may_be_named_as_a_file() -> None:
    write = (
        "import numpy\n"
        "from dialtone.audio import write_audio\n"
        "with write_audio('/dev/stdout', 8000) as sink: sink.write(numpy.zeros(8000))\n"
    )
    done = subprocess.run([sys.executable, "-c", write], capture_output=True, check=True)
    assert soundfile.info(io.BytesIO(done.stdout)).frames == 8000


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "real" / "file.wav")
    with write_audio(tmp_path / "link.wav", FS) as sink:
        sink.write(sound(1))
    assert (tmp_path / "link.wav").is_symlink()
    assert len(read_all(tmp_path / "real" / "file.wav")) == FS


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.777])
def test_a_truncated_file_is_read_as_far_as_it_goes(
    tmp_path: Path, suffix: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"out{suffix}"
    rng = np.random.default_rng(0)
    with write_audio(path, FS) as sink:
        sink.write((0.1 * rng.standard_normal(10 * FS)).astype("f4"))
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])
    with open_audio(path) as source:
        frames = sum(len(chunk) for chunk in source)
    assert frames == pytest.approx(share * 10 * FS, abs=0.2 * FS)
    if suffix != ".wav":  # libsndfile mends a WAV header by the size of the file
        assert source.damage is not None
        assert "damaged" in source.damage
    assert capfd.readouterr().err == ""


def noisy_mp3(path: Path, seconds: float = 10) -> bytes:
    rng = np.random.default_rng(0)
    with write_audio(path, FS) as sink:
        sink.write((0.1 * rng.standard_normal(round(seconds * FS))).astype("f4"))
    return path.read_bytes()


@pytest.mark.parametrize("lost", [400, 900, 10000])
@pytest.mark.parametrize("way", ["overwritten", "missing"])
def test_damage_inside_an_mp3_costs_only_what_was_there(
    tmp_path: Path, way: str, lost: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.mp3"
    data = noisy_mp3(path)
    garbage = np.random.default_rng(1).bytes(lost) if way == "overwritten" else b""
    path.write_bytes(data[:40100] + garbage + data[40100 + lost :])
    with open_audio(path) as source:
        frames = sum(len(chunk) for chunk in source)
    assert 10 * FS - frames < (lost * 8 / 128000 + 0.2) * FS
    assert str(source.damage).endswith("is damaged in one place")
    assert capfd.readouterr().err == ""


def test_joined_mp3_files_are_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.mp3"
    data = noisy_mp3(path, 3)
    path.write_bytes(data + data)
    with open_audio(path) as source:
        frames = sum(len(chunk) for chunk in source)
    assert frames == 6 * FS
    assert source.damage is None


def test_an_mp3_joined_in_the_middle_is_read_from_there(tmp_path: Path) -> None:
    path = tmp_path / "out.mp3"
    data = noisy_mp3(path)
    path.write_bytes(data[50001:])
    expected = 10 * FS - 50001 * 8 / 128000 * FS
    assert len(read_all(path)) == pytest.approx(expected, abs=0.2 * FS)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.wav", b"", "empty.wav is empty"),
        ("text.wav", b"Dear reader,\n" * 500, "text.wav is not an audio file"),
        ("short.wav", b"RIFF", "short.wav"),
        ("header.wav", b"RIFF\x24\0\0\0WAVEfmt ", "header.wav"),
        ("text.mp3", b"Dear reader,\n" * 500, "text.mp3 is not an audio file"),
        ("zeros.mp3", bytes(5000), "zeros.mp3 is not an audio file"),
        ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(3000), "photo.png is not an audio file"),
    ],
)
def test_what_is_not_audio_is_said_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError) as caught:
        open_audio(tmp_path / name)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wav_file_without_samples_holds_no_sound(tmp_path: Path) -> None:
    with write_audio(tmp_path / "none.wav", FS):
        pass
    with pytest.raises(AudioError, match="holds no sound"):
        open_audio(tmp_path / "none.wav")


def test_unreadable_places(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot read .*missing.wav: no such file or directory"):
        open_audio(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="is a directory"):
        open_audio(tmp_path)
    with pytest.raises(AudioError, match="need a sample rate"):
        open_audio("-")
    if os.geteuid() != 0:
        (tmp_path / "secret.wav").touch(mode=0)
        with pytest.raises(AudioError, match="permission denied"):
            open_audio(tmp_path / "secret.wav")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("out", {}, "the name must end in .wav, .flac, .mp3"),
        ("out.txt", {}, "the name must end in"),
        ("nowhere/out.wav", {}, "no such file or directory"),
        ("out.wav/", {}, "it is a folder"),
        ("out.mp3", {"kbps": 100}, "MP3 at 48000 Hz has no 100 kbit/s, only 32, 40"),
        ("out.mp3", {"rate": 96000}, "MP3 has no sample rate of 96000 Hz, only 8000"),
        ("out.mp3", {"rate": 8000, "kbps": 128}, "MP3 at 8000 Hz has no 128 kbit/s"),
        ("out.wav", {"kbps": 128}, "a bit rate is for MP3 files"),
        ("out.flac", {"channels": 99}, "no FLAC with 99 channels"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_sentence(
    tmp_path: Path, name: str, options: dict[str, int], sentence: str
) -> None:
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    with pytest.raises(AudioError, match=r"^[^\n]*$") as caught:
        write_audio(tmp_path / name, options.pop("rate", FS), **options)
    assert sentence in str(caught.value)
    assert not [entry for entry in names(tmp_path) if entry.endswith(".part")]
