"""Gives broken inputs to everything that reads bytes from strangers: the frame layer, and what
draws pictures that are still arriving.

    python tools/fuzz.py                              100,000 inputs for all targets: some minutes
    python tools/fuzz.py --inputs 5000000             the whole programme: an hour
    python tools/fuzz.py --target header --target chunk --inputs 200000
    python tools/fuzz.py --keep                       and keep what was new for the tests

An input must not raise anything but the errors of framing/errors.py, take 100 ms of processor
time, make the process grow by 64 MB, or leave a file that is not the one of a whole and authentic
transfer. One that does is a finding: it is written below `--folder`, and the exit status is 1.

Each target runs in a process of its own: guided by the lines that are reached where atheris is
installed (pip install 'dialtone[fuzz]'), else by chance. Memory is bounded by RLIMIT_AS, 64 MB
above what the process had after its first inputs and for the whole run together: an allocation
beyond it fails at once, and that is a finding. So the bound is stricter than one for each input,
as the corpus in memory counts too; the table shows how far the process grew. Processor time is the
least of three attempts. scrypt, whose time is part of the format, is replaced by something cheap
that checks its bounds and counts the calls; os.fsync does nothing; numba's kernels check every
index.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fuzzing import corpus
from fuzzing.targets import TARGETS
from fuzzing.worker import Tally

_ROOT = Path(__file__).parents[1]
_CORPUS = _ROOT / "tests/framing/corpus"
_INPUTS = 100_000


def share(name: str, names: list[str], inputs: int) -> int:
    """How many of all inputs a target gets: cheap ones get more."""
    total = sum(TARGETS[other][1] for other in names)
    return max(1, round(inputs * TARGETS[name][1] / total))


def run(name: str, inputs: int, folder: Path, seed: int) -> Iterator[Tally]:
    """How far a target is, at last what came of it."""
    findings = folder / "findings"
    known = set(findings.glob(f"{name}-*"))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(_ROOT), str(_ROOT / "tools"))),
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(folder / "kernels"),
    }
    command = [sys.executable, "-m", "fuzzing.worker", name, str(inputs), "--seed", str(seed)]
    command += ["--corpus", str(folder / "corpus" / name), "--seeds", str(_CORPUS / name)]
    command += ["--findings", str(findings)]
    tally = Tally(name)
    with (
        (folder / f"{name}.log").open("w") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as process,
    ):
        for line in process.stdout or ():
            tally = Tally(**json.loads(line))
            yield tally
    if not tally.done:
        left = sorted(set(findings.glob(f"{name}-*")) - known)
        where = ", ".join(map(str, left)) or folder / f"{name}.log"
        tally.findings.append(f"{name}: the process ended with {process.returncode}: {where}")
        yield tally


def fuzz(names: list[str], inputs: int, folder: Path, seed: int) -> list[Tally]:
    """All targets, one after the other."""
    tallies = []
    for name in names:
        tally = Tally(name)
        count = share(name, names, inputs)
        for tally in run(name, count, folder, seed):
            if sys.stderr.isatty():
                end = "\n" if tally.done else ""
                text = f"\r{name}: {tally.inputs} of {count}, {len(tally.findings)} findings"
                print(text, end=end, file=sys.stderr, flush=True)
        tallies.append(tally)
    return tallies


def table(tallies: list[Tally], folder: Path) -> str:
    """In Markdown."""
    rows = [
        "| target | inputs | inputs/s | slowest, ms | memory, MB | corpus | findings |",
        "|---|---|---|---|---|---|---|",
    ]
    for tally in tallies:
        rate = tally.inputs / tally.seconds if tally.seconds else 0.0
        size = sum(1 for _ in (folder / "corpus" / tally.target).glob("*"))
        rows.append(
            f"| {tally.target} | {tally.inputs} | {rate:.0f} | {tally.slowest_ms:.1f}"
            f" | {tally.memory / 1e6:.0f} | {size} | {len(tally.findings)} |"
        )
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the targets; the exit status: 1 where one of them broke a promise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=_INPUTS, help=f"in all; default {_INPUTS}")
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("fuzz"), help="default: fuzz")
    parser.add_argument(
        "--keep", action="store_true", help="distil what was reached into tests/framing/corpus"
    )
    options = parser.parse_args(arguments)
    names = options.target or list(TARGETS)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    tallies = fuzz(names, options.inputs, folder, options.seed)
    print(table(tallies, folder))
    total = sum(tally.inputs for tally in tallies)
    print(f"{total} inputs in {time.perf_counter() - begun:.0f} s")
    findings = [finding for tally in tallies for finding in tally.findings]
    for finding in findings:
        print(finding)
    if options.keep:
        for name in names:
            corpus.distil(name, [_CORPUS / name, folder / "corpus" / name], _CORPUS / name)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
