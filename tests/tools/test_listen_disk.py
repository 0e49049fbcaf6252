"""A disk that is full, and has room again: a small file system of the daemon's own."""

import errno
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dialtone.__main__ import run

from .conftest import PROGRAM, on_small_disk
from .daemon import until

RECOVERY_S = 5.0


@pytest.fixture
def sound(tmp_path):
    """60 kB over `phone` as raw samples, with silence behind."""
    (tmp_path / "file.bin").write_bytes(np.random.default_rng(9).bytes(60_000))
    wav = tmp_path / "file.wav"
    assert run(["send", str(tmp_path / "file.bin"), "--plain", "-o", str(wav)]) == 0
    return soundfile.read(wav, dtype="int16")[0].tobytes() + bytes(100_000)


class Confined:
    """A daemon whose inbox is a file system of 400 kB that nobody else sees."""

    def __init__(self, folder: Path, log: Path) -> None:
        folder.mkdir()
        listen = (*PROGRAM, "listen", "-", "--json", "--rate", "8000", "-d", str(folder))
        command = on_small_disk(folder, "400k", *listen)
        self._log = log
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT
            )
        self.wait_for("listening")
        self.folder = Path(f"/proc/{self.process.pid}/root{folder}")

    def events(self, name):
        lines = [line for line in self._log.read_text().splitlines(True) if line.endswith("}\n")]
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def wait_for(self, name, number=1):
        return until(
            lambda: found if len(found := self.events(name)) >= number else None,
            f"no {name}",
        )

    def hear(self, sound):
        self.process.stdin.write(sound)
        self.process.stdin.flush()

    def fill(self):
        """Until not a byte more fits."""
        with (self.folder / "filler").open("wb", buffering=0) as file:
            while self._fits(file):
                pass

    @staticmethod
    def _fits(file):
        try:
            return file.write(bytes(1024))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return 0


@pytest.fixture
def confined(tmp_path):
    daemon = Confined(tmp_path / "in", tmp_path / "log")
    yield daemon
    daemon.process.kill()
    daemon.process.communicate()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_full_and_freed(confined, sound, tmp_path, share):
    """Full from the beginning, in the middle, and when only the file is missing: packets wait, it
    is said once, and when there is room all goes on by itself."""
    cut = int(share * (len(sound) - 100_000)) & ~1
    confined.hear(sound[:cut])
    if share:
        confined.wait_for("transfer")
    confined.fill()
    confined.hear(sound[cut:])
    failing = confined.wait_for("storage")
    assert failing[0]["state"] == "failing"
    assert "No space left" in failing[0]["reason"]
    confined.hear(sound)  # all of it once more, as a sender that repeats
    confined.hear(bytes(200_000))
    assert confined.process.poll() is None
    (confined.folder / "filler").unlink()
    freed = time.monotonic()
    received = confined.wait_for("received")
    assert time.monotonic() - freed < RECOVERY_S
    confined.wait_for("storage", 2)
    arrival = confined.folder / received[0]["folder"] / "file.bin"
    assert arrival.read_bytes() == (tmp_path / "file.bin").read_bytes()
    spool = sorted(path.name for path in (confined.folder / ".dialtone").iterdir())
    assert spool == ["delivered"]
    assert len(list(confined.folder.iterdir())) == 2
    confined.process.stdin.close()
    assert confined.process.wait(60) == 0
    assert [event["state"] for event in confined.events("storage")] == ["failing", "well"]
    assert len(confined.events("received")) == 1
    assert confined.events("storage")[1]["dropped"] == 0
