"""Other modems are found, run and judged: programs on PATH that stand in, and the real ones."""

import sys

import pytest
from dialtone import bench, peers

import modem
from modem import channel

# Sends bits as pulses of either polarity, 8 samples each, and reads what is above half the peak.
# Speaks the command lines of both programs. Spoils a byte at BROKEN, and puts a byte in front as
# noise does.
STAND_IN = """#!{python}
import os, sys, time, wave
import numpy as np

BROKEN = {broken!r}
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
time.sleep({sleep})
if {status}:
    sys.exit({status})

def pulses(data):
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.int16)
    return np.repeat((2 * bits - 1) * 20000, 8).astype("<i2")

def read(samples):
    on = np.flatnonzero(np.abs(samples) > np.abs(samples).max() / 2)
    count = (on[-1] - on[0] + 4) // 8
    bits = samples[on[0] + 4 + 8 * np.arange(count)] > 0
    data = bytearray(np.packbits(bits).tobytes())
    if mode in BROKEN:
        data[0] ^= 1
    return b"\\xff" + bytes(data)

def option(word):
    return words[words.index(word) + 1]

if name == "minimodem":
    mode = words[-1]
    if "--tx" in words:
        with wave.open(option("--file"), "wb") as out:
            out.setparams((1, 2, 48000, 0, "NONE", ""))
            out.writeframes(pulses(sys.stdin.buffer.read()).tobytes())
    else:
        with wave.open(option("--file")) as heard:
            samples = np.frombuffer(heard.readframes(heard.getnframes()), "<i2")
        sys.stdout.buffer.write(read(samples.astype(int)))
else:
    mode = os.environ["BITRATE"]
    if words[0] == "send":
        pulses(open(option("-i"), "rb").read()).tofile(option("-o"))
    else:
        open(option("-o"), "wb").write(read(np.fromfile(option("-i"), "<i2").astype(int)))
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put a stand-in on a PATH that has nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(peers, "find_spec", lambda name: None)

    def add(name, broken=(), sleep=0.0, status=0):
        path = folder / name
        path.write_text(
            STAND_IN.format(python=sys.executable, broken=broken, sleep=sleep, status=status)
        )
        path.chmod(0o755)

    return add


def measure(peer, spec="gain=-6", profile="cable", n_bytes=400):
    return peers.measure(peer, channel.parse(spec, 3), modem.profiles[profile], n_bytes)


def test_none_installed(programs):
    assert peers.find() == ([], [])


def test_programs_are_found_by_name(programs):
    programs("amodem")
    programs("minimodem", status=3)
    working, broken = peers.find()
    assert [peer.name for peer in working] == ["amodem"]
    assert broken == ["minimodem"]


def test_fastest_mode_that_is_exact(programs):
    programs("minimodem", broken=("12000", "9600"))
    row = measure(peers.Minimodem(("minimodem",)))
    assert (row.mode.name, row.n_bytes) == ("4800", 400)
    assert row.air_seconds == pytest.approx(400 * 64 / 48000, abs=1e-3)
    assert row.delivered_bps == pytest.approx(8 * 400 / row.air_seconds)


def test_mode_is_told_by_the_environment(programs):
    programs("amodem", broken=("80", "72", "64"))
    row = measure(peers.Amodem(("amodem",)), "")
    assert row.mode.name == "54"


def test_slow_modes_carry_less(programs):
    slow = tuple(mode.name for mode in peers.Minimodem(()).modes[:-1])
    programs("minimodem", broken=slow)
    row = measure(peers.Minimodem(("minimodem",)), n_bytes=65536)
    assert (row.mode.name, row.n_bytes) == ("300", 150)


def test_sample_rates_beyond_the_line_are_not_tried(programs):
    programs("amodem")
    assert measure(peers.Amodem(("amodem",)), "", "phone").mode.sample_rate == 8000


@pytest.mark.parametrize("fault", [{"status": 1}, {"broken": tuple(str(n) for n in range(20000))}])
def test_nothing_arrives(programs, fault):
    programs("minimodem", **fault)
    row = measure(peers.Minimodem(("minimodem",)))
    assert (row.mode, row.delivered_bps) == (None, 0.0)


def test_program_that_is_not_there():
    assert measure(peers.Minimodem(("/nowhere/minimodem",))).mode is None


def test_program_that_hangs_is_ended(programs, monkeypatch):
    """Waited for to its end it would deliver."""
    programs("minimodem", sleep=60)
    monkeypatch.setattr(peers, "TIME_LIMIT_S", 0.2)
    assert measure(peers.Minimodem(("minimodem",))).mode is None


def test_bench_shows_them_beside(programs, dialtone, monkeypatch):
    programs("minimodem", broken=("12000",))
    monkeypatch.setattr(bench, "CASES", (bench.Case("cable", "quiet", "skew=0", None),))
    arguments = ("bench", "--payload-kib", 1)
    answer = dialtone(*arguments, "--json")
    assert answer.event("peers")["working"] == ["minimodem"]
    row = answer.event("measured_peer")
    assert (row["program"], row["mode"], row["exact"]) == ("minimodem", "9600", True)
    assert row["delivered_bps"] > 0
    told = dialtone(*arguments).err
    assert "modem" in told
    assert max(map(len, told.splitlines())) <= 100


def test_bench_says_that_none_is_installed(programs, dialtone, monkeypatch):
    monkeypatch.setattr(bench, "CASES", bench.CASES[:1])
    told = dialtone("bench", "--payload-kib", 1).err
    assert "amodem and minimodem are not installed" in told
    assert "mini-" not in told


@pytest.mark.parametrize(
    ("name", "spec", "least_bps"), [("minimodem", "awgn=40", 900), ("amodem", "awgn=50", 5000)]
)
def test_the_real_program(name, spec, least_bps):
    """What the stand-ins take for the command lines is what the programs understand."""
    working = [peer for peer in peers.find()[0] if peer.name == name]
    if not working:
        pytest.skip(f"{name} is optional and not installed in a version that works")
    assert measure(working[0], spec).delivered_bps > least_bps
