"""Damages a transfer of 200 kB in every place, and looks what the receiver makes of it.

    python tools/tampering.py              every case: half an hour on two cores
    python tools/tampering.py --quick      some cases of everything: a minute
    python tools/tampering.py --json       the table as JSON

For every lock (plain, clear key, passphrase, recipient), signed and not, packed and sealed first:
every flipped bit, every truncation, every swap and every repeat of packets, chunks and blocks,
and parts of other transfers. Each case has to end with the exact file under its name, or with
nothing, or with a named error and nothing; other bytes, a part of the file, another exception,
another name or another signer end the program at once with exit status 1.

The receiver is `framing.Inbox` with all keys, from the packets on: below their CRC whoever damages
a block writes right packets. Only the wait for the disk is left out, and scrypt remembers what it
has seen. Three short cuts save a day of computing time; the lines "received" do the same damage to
whole receptions, every 97th case, by all ways of locking in turn, and fail where the outcome is
another one:

- A changed chunk is opened by itself, by `framing.cipher.ChunkOpener` after the chunks before it,
  unchanged. Nothing but the opening looks into a chunk, and only with the suite and the order of
  packing: one transfer for each of these four stands for all locks, signed or not. Where it does
  not open, it is refused; whether it would open in another place only names the error, and is
  left to the whole receptions.
- A block that is cut before its trailer is only read as records: without a trailer no receiver
  takes it for whole. Where the trailer is known from elsewhere it is received.
- Changed zeros behind the last record are only read as records: that is where they are refused.

Files go to the folder of temporary files; one in memory (TMPDIR) saves a quarter of the time.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, fields
from types import TracebackType

from damage import EXACT, INCOMPLETE, BreachError, Check, bits, cuts, order
from damage.receiving import hurried
from damage.recorded import FILE_BYTES, WAYS, Material, prepare
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

CHECKS: tuple[Check, ...] = (*bits.CHECKS, *cuts.CHECKS, *order.CHECKS)
_TOGETHER = 1024  # cases
_QUICK_CASES = 40


@dataclass(frozen=True, slots=True)
class Job:
    """Cases of one kind that one process does in one go: their numbers among all of that kind."""

    check: int
    way: int
    numbers: range


@dataclass(slots=True)
class Row:
    """Of the table. errors: by the name of the class."""

    what: str
    cases: int = 0
    exact: int = 0
    incomplete: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, verdicts: Counter[str]) -> None:
        """Count more cases."""
        self.cases += verdicts.total()
        self.exact += verdicts[EXACT]
        self.incomplete += verdicts[INCOMPLETE]
        named = {name: n for name, n in verdicts.items() if name not in (EXACT, INCOMPLETE)}
        self.errors.update(named)


_COLUMNS = tuple(column.name for column in fields(Row))


class _Told:
    """Adds to whatever is raised which transfer and what kind of damage it was."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is not None:
            job = self._job
            error.add_note(f"{CHECKS[job.check].name}: {WAYS[job.way]}: among {job.numbers}")


def programme(materials: list[Material], quick: bool) -> list[Job]:
    """All cases, or some of each kind."""
    jobs = []
    layers = {material.main.way.layer: way for way, material in reversed([*enumerate(materials)])}
    for check, kind in enumerate(CHECKS):
        for way in sorted(layers.values()) if kind.layers else range(len(materials)):
            count, unit = kind.count(materials[way]), kind.unit(materials[way])
            step = count // _QUICK_CASES | 1 if quick else 1
            numbers = range(0, count, step)
            length = -(-_TOGETHER // unit) * unit
            for at in range(0, len(numbers), length):
                jobs.append(Job(check, way, numbers[at : at + length]))
    return jobs


_materials: list[Material] = []  # of a process of the pool


def _begin(materials: list[Material]) -> None:
    _materials[:] = materials
    hurried().__enter__()  # as long as the process lives


def _damage(job: Job) -> Counter[str]:
    return damage(_materials, job)


def damage(materials: list[Material], job: Job) -> Counter[str]:
    """Do the job; how often each verdict occurred. Raises BreachError."""
    with _Told(job):
        return Counter(CHECKS[job.check].run(materials[job.way], job.numbers))


def damage_all(
    materials: list[Material], jobs: list[Job], processes: int
) -> Iterator[tuple[Job, Counter[str]]]:
    """Every job with its verdicts, as they are done. Raises BreachError at the first one."""
    if processes == 1:
        with hurried():
            yield from ((job, damage(materials, job)) for job in jobs)
        return
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(materials,)) as pool:
        waiting = {pool.submit(_damage, job): job for job in jobs}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def table(rows: list[Row]) -> str:
    """In Markdown, with a line for all together."""
    total = Row("all")
    for row in rows:
        total.cases += row.cases
        total.exact += row.exact
        total.incomplete += row.incomplete
    lines = ["| damage | cases | exact | incomplete | refused |", "|---|---|---|---|---|"]
    for row in (*rows, total):
        refused = ", ".join(f"{name} {count}" for name, count in row.errors.most_common())
        if row is total:
            refused = str(total.cases - total.exact - total.incomplete)
        lines.append(f"| {row.what} | {row.cases} | {row.exact} | {row.incomplete} | {refused} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the programme; the exit status: 1 where the receiver was led astray."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="some cases of each kind")
    parser.add_argument("--bytes", type=int, default=FILE_BYTES, help="of the file; default 200000")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    begun = time.perf_counter()
    materials = [prepare(way, options.bytes) for way in WAYS]
    jobs = programme(materials, options.quick)
    rows = [Row(check.name) for check in CHECKS]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} cases"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("damaging", total=sum(len(job.numbers) for job in jobs))
        try:
            for job, verdicts in damage_all(materials, jobs, options.processes):
                rows[job.check].add(verdicts)
                bar.update(task, advance=len(job.numbers))
        except BreachError as breach:
            where = "; ".join(getattr(breach, "__notes__", []))
            print(f"error: {breach} ({where})", file=sys.stderr)
            return 1
    seconds = time.perf_counter() - begun
    if options.json:
        made = [{name: getattr(row, name) for name in _COLUMNS} for row in rows]
        print(json.dumps({"seconds": round(seconds), "rows": made}))
    else:
        print(table(rows))
        print(f"done in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
