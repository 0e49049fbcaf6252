"""Listens for hours to what is no signal: what it costs, whether memory grows, what it believes.

    python tools/long_listening.py                     two hours of sound that is made here
    python tools/long_listening.py --hours 24 FOLDER   a day of it, and of the sound files below

The sound goes at 48 kHz through `dialtone listen -`, a process of its own, as fast as it takes it;
all profiles are armed. Noise, tones, telephone lines, music, speech and extracts of the files
follow one another at many levels, with silence between them. Exit status 1 where an event told of
a signal, where memory went beyond its bound or grew, or where it took more than its share of a
core. The cost is that of the processor alone, without what starting takes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from sounds import Maker, lines, music, noises, others, voices

RATE = 48000
_PIECE_S, _SILENCE_S = 20.0, 10.0
_LEVELS_DBFS = (-6.0, -13.0, -20.0, -30.0, -50.0, -70.0)
_FILES = 8  # pieces that are made of the sound files of each folder
_USUAL = ("listening", "input", "stopped", "compiling")  # events that are not about a signal
_WARM_S = 60.0  # of sound, after which starting is over
_LOOKS = 48  # at memory, evenly over the time
_SHARE_MAX = 0.03  # of a core
_RESIDENT_MAX_MB = 250.0
_GROWTH_MAX_MB = 5.0  # from the first quarter to the end


@dataclass(slots=True)
class Result:
    """What was measured.

    seconds      of sound
    cpu_s        of the process, without its start
    resident_mb  at looks evenly spaced over the time
    told         events that told of a signal
    """

    seconds: float = 0.0
    cpu_s: float = 0.0
    resident_mb: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of a core, in real time."""
        return self.cpu_s / max(self.seconds - _WARM_S, 1.0)

    @property
    def growth_mb(self) -> float:
        """From the end of the first quarter on."""
        return self.resident_mb[-1] - self.resident_mb[len(self.resident_mb) // 4]

    def faults(self) -> list[str]:
        """What is not as it should be."""
        checks = {
            f"it took {self.share:.1%} of a core": self.share > _SHARE_MAX,
            f"it took {max(self.resident_mb):.0f} MB": max(self.resident_mb) > _RESIDENT_MAX_MB,
            f"memory grew by {self.growth_mb:.1f} MB": self.growth_mb > _GROWTH_MAX_MB,
            f"it told of a signal: {'; '.join(self.told)}": bool(self.told),
        }
        return [sentence for sentence, wrong in checks.items() if wrong]


def pieces(folders: list[Path], seed: int) -> list[NDArray[np.float32]]:
    """One piece of every kind of sound, and some of each folder's files; rms 1."""
    makers: list[Maker] = [
        make for module in (noises, lines, music, voices) for make in module.MAKERS.values()
    ]
    for folder in folders:
        makers += [others.Recordings(others.recordings(folder))] * _FILES
    made = []
    for number, make in enumerate(makers):
        x = make(np.random.default_rng((seed, number)), _PIECE_S, RATE)
        made.append((x / (np.sqrt(np.mean(x * x)) + 1e-12)).astype(np.float32))
    return made


def programme(made: list[NDArray[np.float32]], seconds: float, seed: int) -> Iterator[bytes]:
    """Raw samples: the pieces in an order that never repeats, at all levels."""
    rng = np.random.default_rng((seed, 1 << 20))
    silence = bytes(2 * round(_SILENCE_S * RATE))
    left = seconds
    while left > 0:
        for number in rng.permutation(len(made)):
            level = 10 ** (rng.choice(_LEVELS_DBFS) / 20)
            samples = np.clip(made[number] * level, -1, 1) * 32767
            yield samples.astype("<i2").tobytes()
            yield silence
            left -= _PIECE_S + _SILENCE_S
            if left <= 0:
                return


def measure(sound: Iterator[bytes], seconds: float) -> Result:
    """Let a daemon listen to it."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="dialtone-") as folder:
        command = [sys.executable, "-m", "dialtone", "listen", "-", "--json"]
        command += ["--rate", str(RATE), "-d", f"{folder}/inbox"]
        with (Path(folder) / "log").open("w+b") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log)
            assert process.stdin is not None
            try:
                _feed(process, process.stdin, sound, seconds, result)
            finally:
                process.stdin.close()
                process.wait()
            log.seek(0)
            events = [json.loads(line) for line in log]
    result.told += [event["text"] for event in events if event["event"] not in _USUAL]
    return result


def _feed(
    process: "subprocess.Popen[bytes]",
    pipe: IO[bytes],
    sound: Iterator[bytes],
    seconds: float,
    result: Result,
) -> None:
    begun_s: float | None = None
    for part in sound:
        pipe.write(part)
        result.seconds += len(part) / 2 / RATE
        if begun_s is None and result.seconds >= _WARM_S:
            begun_s = cpu_s(process.pid)
        if result.seconds >= len(result.resident_mb) * seconds / _LOOKS:
            result.resident_mb.append(resident_mb(process.pid))
            if sys.stderr.isatty():
                print(f"\r{result.seconds / 3600:.1f} h", end="", file=sys.stderr, flush=True)
    pipe.flush()
    result.resident_mb.append(resident_mb(process.pid))
    result.cpu_s = cpu_s(process.pid) - (begun_s or 0.0)


def cpu_s(pid: int) -> float:
    """Time that a process has taken of the processor [s]; proc(5)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory that a process has in use [MB]."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"process {pid} has no memory")


def main(arguments: list[str] | None = None) -> int:
    """Listen; the exit status: 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="of sound files")
    parser.add_argument("--hours", type=float, default=2.0, help="of sound; default 2")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for folder in options.folders:
        if not others.recordings(folder):
            parser.error(f"there are no sound files below {folder}")
    seconds = 3600 * options.hours
    made = pieces(options.folders, options.seed)
    result = measure(programme(made, seconds, options.seed), seconds)
    quarter = result.resident_mb[len(result.resident_mb) // 4]
    print(
        f"{result.seconds / 3600:.1f} h of sound, {len(made)} kinds, "
        f"{result.cpu_s:.0f} s of the processor: {result.share:.2%} of a core in real time, "
        f"{1 / result.share:.0f} times faster\n"
        f"memory: {quarter:.0f} MB after a quarter, {result.resident_mb[-1]:.0f} MB at the end, "
        f"{max(result.resident_mb):.0f} MB at most\n"
        f"events that told of a signal: {len(result.told)}"
    )
    faults = result.faults()
    for fault in faults:
        print(f"not as it should be: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
