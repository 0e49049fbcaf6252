"""Counts what the receiver takes for a signal where there is none.

    python tools/false_detections.py                   six hours of sounds that are made here
    python tools/false_detections.py FOLDER ...        and the sound files below these folders
    python tools/false_detections.py --hours 24

All profiles are armed. A false start is a preamble that the detector saw and behind which no
header could be read: it costs some work, and nobody is told. A false detection is a header: the
receiver says that it has found a transmission. Exit status 1 if there is one.

The hours are shared evenly by noise and tones, telephone lines, music, speech, the modem programs
minimodem and amodem where they are installed, and each of the folders, whose files are played
whole first, and then in extracts at other speeds and mixed. The same seed makes the same sounds.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from zlib import crc32

import numpy as np
import soundfile
from dialtone import peers
from numpy.typing import NDArray
from sounds import Maker, lines, music, noises, others, voices

import modem

_RATES = (8000, 16000, 44100, 48000)
_LEVELS_DBFS = (-3.0, -13.0, -20.0, -30.0, -50.0, -70.0)
_PIECE_S = 60.0
_SHORTEST_S = 2.0
_CHUNK = 1 << 15


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of sound to be heard.

    seed        of its random generator
    rate        of its samples [Hz]
    level_dbfs  its rms, None to leave it as it is
    """

    kind: str
    make: Maker
    seed: tuple[int, ...]
    seconds: float
    rate: int
    level_dbfs: float | None


@dataclass(slots=True)
class Count:
    """What was heard.

    starts  false starts
    found   a sentence for every false detection
    """

    seconds: float = 0.0
    starts: int = 0
    found: list[str] = field(default_factory=list)

    def add(self, other: "Count") -> None:
        """Join what was heard of another piece."""
        self.seconds += other.seconds
        self.starts += other.starts
        self.found += other.found


def sound(job: Job) -> NDArray[np.float32]:
    """(n,) or (n, 2) samples as of a 16-bit file, clipped where they are too loud."""
    x = job.make(np.random.default_rng(job.seed), job.seconds, job.rate)
    if job.level_dbfs is not None:
        x = x * (10 ** (job.level_dbfs / 20) / (np.sqrt(np.mean(x * x)) + 1e-12))
    return (np.rint(np.clip(x, -1, 1) * 32767) / 32768).astype(np.float32)


def hear(job: Job) -> Count:
    """Make one piece of sound and give it to a receiver."""
    x = sound(job)
    count = Count(seconds=len(x) / job.rate)

    def observe(seen: modem.Observation) -> None:
        count.starts += seen.header is None and not seen.duration_s

    receiver = modem.Receiver(job.rate, 1 if x.ndim == 1 else x.shape[1], observe)
    events: list[modem.Event] = []
    for low in range(0, len(x), _CHUNK):
        events += receiver.process(x[low : low + _CHUNK])
    events += receiver.flush()
    for event in events:
        if isinstance(event, modem.Acquired):
            count.found.append(
                f"{job.kind}, seed {job.seed}, {job.rate} Hz: {event.profile}, speed"
                f" {event.speed}, at {event.time_s:.3f} s"
            )
    return count


def programme(
    hours: float, seed: int, folders: Iterable[Path], programs: Iterable[peers.Peer]
) -> list[Job]:
    """All pieces of sound; a folder's files are heard whole even where they take longer."""
    groups: list[dict[str, Maker]] = [module.MAKERS for module in (noises, lines, music, voices)]
    modems: dict[str, Maker] = {peer.name: others.Transmissions(peer) for peer in programs}
    groups += [modems] if modems else []
    recorded = [(folder.resolve().name, others.recordings(folder)) for folder in folders]
    share_s = 3600 * hours / (len(groups) + len(recorded))
    jobs: list[Job] = []
    for group in groups:
        for kind, make in group.items():
            jobs += _made(kind, make, share_s / len(group), seed)
    for name, paths in recorded:
        whole = [job for path in paths for job in _whole(name, path)]
        left_s = share_s - sum(job.seconds for job in whole)
        jobs += whole
        if left_s > 0:
            jobs += _made(f"{name}, varied", others.Recordings(paths), left_s, seed)
    return jobs


def _made(kind: str, make: Maker, seconds: float, seed: int) -> Iterator[Job]:
    pieces = ceil(seconds / _PIECE_S)
    length_s = max(seconds / pieces, _SHORTEST_S)
    for number in range(pieces):
        place = crc32(kind.encode()) + number  # so that short runs hear all rates and levels too
        rate = _RATES[place % len(_RATES)]
        level_dbfs = _LEVELS_DBFS[place % 23 % len(_LEVELS_DBFS)]
        yield Job(kind, make, (seed, crc32(kind.encode()), number), length_s, rate, level_dbfs)


def _whole(name: str, path: Path) -> Iterator[Job]:
    about = soundfile.info(path)
    if about.samplerate < _RATES[0]:
        return
    piece = round(_PIECE_S * about.samplerate)
    for start in range(0, about.frames, piece):
        seconds = min(piece, about.frames - start) / about.samplerate
        make = others.Extract(path, start)
        yield Job(f"{name}, as it is", make, (0,), seconds, about.samplerate, None)


def hear_all(jobs: list[Job], processes: int) -> dict[str, Count]:
    """What was heard of every kind of sound, in the order of the programme."""
    counts = {job.kind: Count() for job in jobs}
    for done, (kind, count) in enumerate(_heard(jobs, processes), start=1):
        counts[kind].add(count)
        if sys.stderr.isatty():
            end = "\n" if done == len(jobs) else ""
            print(f"\r{done} of {len(jobs)} pieces", end=end, file=sys.stderr, flush=True)
    return counts


def _heard(jobs: list[Job], processes: int) -> Iterator[tuple[str, Count]]:
    if processes == 1:
        yield from ((job.kind, hear(job)) for job in jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        waiting = {pool.submit(hear, job): job.kind for job in jobs}
        try:
            yield from ((waiting[done], done.result()) for done in as_completed(waiting))
        finally:
            pool.shutdown(cancel_futures=True)


def table(counts: dict[str, Count]) -> str:
    """In Markdown, with a line for all together."""
    total = Count()
    for count in counts.values():
        total.add(count)
    rows = [
        "| sound | hours | false starts | an hour | false detections |",
        "|---|---|---|---|---|",
    ]
    for kind, count in (*counts.items(), ("all", total)):
        hours = count.seconds / 3600
        an_hour = count.starts / hours if hours else 0.0
        rows.append(
            f"| {kind} | {hours:.2f} | {count.starts} | {an_hour:.1f} | {len(count.found)} |"
        )
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the programme; the exit status: 1 where something was detected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="of sound files")
    parser.add_argument("--hours", type=float, default=6.0, help="of sound; default 6")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    for folder in options.folders:
        if not others.recordings(folder):
            parser.error(f"there are no sound files below {folder}")
    programs, broken = peers.find()
    for name in broken:
        print(f"{name} is installed but does not work", file=sys.stderr)
    begun = time.perf_counter()
    counts = hear_all(
        programme(options.hours, options.seed, options.folders, programs), options.processes
    )
    print(table(counts))
    print(f"heard in {time.perf_counter() - begun:.0f} s")
    found = [sentence for count in counts.values() for sentence in count.found]
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
