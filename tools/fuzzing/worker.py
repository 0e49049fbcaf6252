"""Runs one target in a process of its own: `python -m fuzzing.worker` is called by tools/fuzz.py.

Guided by the lines that were reached where atheris is installed, else by chance. What is told is
a line of JSON twice a second, the last one with "done".
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import pkgutil
import random
import resource
import shutil
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzzing import Choices, Target

try:
    import atheris
except ImportError:
    atheris = None

LIMIT_MS = 100.0  # of processor time for one input, the least of three attempts
LIMIT_BYTES = 64 << 20  # of address space beyond what the seeds needed, over the whole run
INPUT_BYTES_MAX = 4096
_FIRST = 150  # inputs by chance to begin with
_TOLD_EVERY_S = 0.5
# It sees nothing of what is reached in decoders, and takes the memory that they need.
_BY_CHANCE = ("beginnings",)
_KERNELS = "framing._huffman"  # compiled by numba, which cannot compile what atheris counts in


@dataclass(slots=True)
class Tally:
    """What came of a target: times [ms], memory [bytes] beyond what was there at the start."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0
    memory: int = 0
    findings: list[str] = field(default_factory=list)
    done: bool = False


class Runner:
    """Gives inputs to a target, and keeps those that break a promise."""

    def __init__(self, name: str, target: Target, count: int, findings: Path) -> None:
        self.tally = Tally(name)
        self._target = target
        self._count = count
        self._findings = findings
        self._causes: set[str] = set()
        self._room = tempfile.TemporaryDirectory(prefix="dialtone-fuzz-")
        self._begun = self._told = time.monotonic()
        self._start_rss = _peak()

    def limit_memory(self) -> None:
        """From here on the process may not grow by more than LIMIT_BYTES: the allocation fails."""
        self._start_rss = _peak()
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def once(self, data: bytes) -> float:
        """Processor time of one input [ms]. Raises what the target raises."""
        folder = Path(self._room.name) / "in"
        folder.mkdir()
        begun = time.thread_time()
        try:
            self._target(data, folder)
            return (time.thread_time() - begun) * 1000
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def __call__(self, data: bytes) -> None:
        try:
            took = self.once(data)
            if took > max(LIMIT_MS, self.tally.slowest_ms):
                took = min(took, self.once(data), self.once(data))
            self.tally.slowest_ms = max(self.tally.slowest_ms, took)
            if took > LIMIT_MS:
                self._find(data, f"{took:.0f} ms", f"slow: {took:.0f} ms\n")
        except BaseException as error:  # whatever it is, it is the finding
            if isinstance(error, KeyboardInterrupt):
                raise
            last = traceback.extract_tb(error.__traceback__)[-1]
            cause = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
            self._find(data, cause, traceback.format_exc())
        self.tally.inputs += 1
        self._tell()

    def _find(self, data: bytes, cause: str, account: str) -> None:
        kind = cause if not cause.endswith("ms") else "slow"
        if kind in self._causes:
            return
        self._causes.add(kind)
        self._findings.mkdir(parents=True, exist_ok=True)
        name = f"{self.tally.target}-{hashlib.sha256(data).hexdigest()[:12]}"
        (self._findings / name).write_bytes(data)
        (self._findings / f"{name}.txt").write_text(account)
        self.tally.findings.append(f"{self.tally.target}: {cause}: {self._findings / name}")

    def _tell(self) -> None:
        now = time.monotonic()
        done = self.tally.inputs >= self._count
        if done or now - self._told > _TOLD_EVERY_S:
            self._told = now
            self.tally.seconds = now - self._begun
            self.tally.memory = _peak() - self._start_rss
            self.tally.done = done
            print(json.dumps(asdict(self.tally)), flush=True)
        if done:
            self._room.cleanup()
            os._exit(0)  # out of the loop of libFuzzer, which has no end of its own


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _load(guided: bool) -> dict[str, tuple[Target, float]]:
    """The targets, with counters in all code that reads these inputs where atheris is there."""
    folder = Path(importlib.util.find_spec("framing").submodule_search_locations[0])
    modules = [f"framing.{module.name}" for module in pkgutil.iter_modules([str(folder)])]
    kernels = [name for name in modules if name.startswith(_KERNELS)]
    counted = (
        atheris.instrument_imports(include=["framing", "imaging.preview"], exclude=kernels)
        if guided
        else contextlib.nullcontext()
    )
    with counted:
        for name in modules:
            importlib.import_module(name)
        return importlib.import_module("fuzzing.targets").TARGETS


def _by_chance(runner: Runner, corpus: list[bytes], seed: int) -> None:
    """Inputs of the corpus that were changed, and new ones."""
    rng = random.Random(seed)
    while True:
        if corpus and rng.random() < 0.7:
            data = Choices(rng.randbytes(40)).edited(rng.choice(corpus))
        else:
            data = rng.randbytes(rng.randrange(160))
        runner(data[:INPUT_BYTES_MAX])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("inputs", type=int)
    parser.add_argument("--corpus", type=Path, required=True, help="grows")
    parser.add_argument("--seeds", type=Path, required=True, help="are read")
    parser.add_argument("--findings", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    guided = atheris is not None and options.target not in _BY_CHANCE
    target, _ = _load(guided)[options.target]
    os.fsync = lambda handle: None  # the disk is not what is tested
    runner = Runner(options.target, target, options.inputs, options.findings)
    rng = random.Random(options.seed)
    for folder in (options.corpus, options.findings):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = [path.read_bytes() for path in sorted(options.seeds.glob("*"))]
    for number in range(_FIRST):
        seeds.append(rng.randbytes(20 + number))
        (options.corpus / f"first-{number}").write_bytes(seeds[-1])
    for data in seeds:
        runner(data)
    runner.limit_memory()
    if not guided:
        _by_chance(runner, seeds, options.seed)
    arguments = ["fuzz", str(options.corpus), str(options.seeds), f"-seed={options.seed}"]
    # A hang that has no end is left to libFuzzer: it writes the input beside the findings.
    arguments += [f"-max_len={INPUT_BYTES_MAX}", "-rss_limit_mb=0", "-timeout=10", "-verbosity=0"]
    arguments += [f"-artifact_prefix={options.findings}/{options.target}-", "-len_control=20"]
    atheris.Setup(arguments, runner)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
