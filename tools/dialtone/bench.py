"""The command `bench`: what arrives over simulated channels, and how fast the machine is.

The delivered rate counts everything that goes on the air: lead-in, preambles, headers, key
header and trailer, checksums, repair packets. Compilation is not counted: a first transfer over
every profile warms the kernels up.
"""

import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone import ready
from dialtone.output import Output, duration, rate, size

if TYPE_CHECKING:
    from modem import Profile, Speed

_NOISE_BEFORE_S = 0.5
_QUICK_BYTES = 16 * 1024
_WARM_UP_BYTES = 2000
_CLOCK = "skew=100"


@dataclass(frozen=True, slots=True)
class Case:
    """A channel that is measured.

    limit_bps  the channel's physical limit: the sum over the band of log2(1 + SNR), from
               simulations with ideal receivers; for awgn the closed formula over 0.2-22.9 kHz
    """

    profile: str
    name: str
    channel: str
    limit_bps: float


CASES = (
    Case("phone", "G.711, -55 dBFS noise", f"{_CLOCK},band=300-3400,noise=-55,g711u", 38_300),
    Case("phone", "G.711, -45 dBFS noise", f"{_CLOCK},band=300-3400,noise=-45,g711u", 32_900),
    Case("mp3", "MP3 at 128 kbit/s", f"{_CLOCK},mp3=128", 94_000),
    Case("cable", "40 dB SNR", f"{_CLOCK},awgn=40", 305_000),
    Case("cable", "30 dB SNR", f"{_CLOCK},awgn=30", 229_000),
    Case("cable", "20 dB SNR", f"{_CLOCK},awgn=20", 153_000),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. Rates in bit/s; sending and receiving in times real time."""

    case: Case
    speed: "Speed"
    note: str
    exact: bool
    delivered_bps: float
    snr_db: float | None
    air_seconds: float
    sending: float
    receiving: float

    @property
    def share(self) -> float:
        """Delivered rate as a share of the channel's limit."""
        return self.delivered_bps / self.case.limit_bps


def run_bench(quick: bool, full: bool, n_bytes: int, seed: int, out: Output) -> None:
    """Measure and print the table. Quick: default speeds, a small payload. Full: every speed."""
    ready.prepare(out)
    if quick:
        n_bytes = min(n_bytes, _QUICK_BYTES)
    warm_up_s = _warm_up(seed)
    out.event("warmed_up", seconds=warm_up_s)
    out.say(f"kernels ready after {duration(warm_up_s)}; {size(n_bytes)} of random bytes a row")
    rows = []
    with out.progress("measuring", len(CASES), "channels") as meter:
        for number, case in enumerate(CASES):
            meter(number, case.name)
            for row in _measure_case(case, quick, full, n_bytes, seed):
                rows.append(row)
                _report_row(row, n_bytes, seed, out)
    _report_table(rows, out)


def _warm_up(seed: int) -> float:
    """Compile or load every kernel; returns the time it took [s]."""
    import modem

    begun = time.perf_counter()
    for profile in modem.profiles.values():
        case = Case(profile.name, "", _CLOCK, 1.0)
        measure(case, profile, profile.speeds[profile.default_speed - 1], _WARM_UP_BYTES, seed)
    return time.perf_counter() - begun


def _measure_case(case: Case, quick: bool, full: bool, n_bytes: int, seed: int) -> Iterator[Row]:
    """The default speed and the best one; every speed for `full`."""
    import modem

    profile = modem.profiles[case.profile]
    default = profile.speeds[profile.default_speed - 1]
    if full:
        for speed in profile.speeds:
            note = "default" if speed is default else ""
            yield measure(case, profile, speed, n_bytes, seed, note)
        return
    row = measure(case, profile, default, n_bytes, seed, "default")
    if quick:
        yield row
        return
    best = _best(case, profile, row, n_bytes, seed)
    if best is row:
        yield replace(row, note="default, best")
        return
    yield row
    if best is not None:
        yield best


def _best(case: Case, profile: "Profile", known: Row, n_bytes: int, seed: int) -> Row | None:
    """The fastest speed that arrives exact, tried from the top; `known` is measured already."""
    for speed in sorted(profile.speeds, key=lambda speed: -speed.net_bps):
        if speed is known.speed:
            row = known
        else:
            row = measure(case, profile, speed, n_bytes, seed, "best")
        if row.exact:
            return row
    return None


def measure(
    case: Case, profile: "Profile", speed: "Speed", n_bytes: int, seed: int, note: str = ""
) -> Row:
    """One transfer of random bytes, encrypted, with 0.5 s of noise in front."""
    import numpy as np

    import framing
    from dialtone.loopback import pass_through
    from dialtone.pipeline import Payload, Sending, bit_rate
    from modem import channel

    data = np.random.default_rng(seed).bytes(n_bytes)
    payload = Payload(io.BytesIO(data), "random.bin", n_bytes)
    key = framing.Passphrase(f"bench {seed}", cost=10)
    with (
        tempfile.TemporaryDirectory(prefix="dialtone-") as folder,
        closing(Sending(payload, profile, speed, key)) as sending,
    ):
        passage = pass_through(
            sending, channel.parse(case.channel, seed), Path(folder), _NOISE_BEFORE_S
        )
        exact = passage.received is not None and passage.received.path.read_bytes() == data
    delivered = bit_rate(n_bytes, passage.air_seconds) if exact else 0.0
    return Row(
        case, speed, note, exact, delivered, passage.signal.snr_db if passage.signal else None,
        passage.air_seconds, passage.air_seconds / passage.send_seconds,
        passage.sound_seconds / passage.receive_seconds,
    )  # fmt: skip


def _report_row(row: Row, n_bytes: int, seed: int, out: Output) -> None:
    out.event(
        "measured",
        profile=row.case.profile,
        speed=row.speed.number,
        name=row.speed.name,
        note=row.note,
        channel=row.case.channel,
        exact=row.exact,
        bytes=n_bytes,
        seed=seed,
        air_seconds=row.air_seconds,
        delivered_bps=row.delivered_bps,
        limit_bps=row.case.limit_bps,
        share_of_limit=row.share,
        snr_db=row.snr_db,
        snr_needed_db=row.speed.snr_db,
        times_real_time_sending=row.sending,
        times_real_time_receiving=row.receiving,
    )


def _report_table(rows: list[Row], out: Output) -> None:
    if out.as_json:
        return
    from rich.table import Table

    table = Table(title="delivered over simulated channels, all overheads counted")
    for heading in ("profile", "channel", "speed", ""):
        table.add_column(heading, no_wrap=True)
    for heading in ("delivered", "of the limit", "SNR", "needs", "sending", "receiving"):
        table.add_column(heading, justify="right", no_wrap=True)
    case = None
    for row in rows:
        if case not in (None, row.case):
            table.add_section()
        first, case = row.case is not case, row.case
        table.add_row(
            row.case.profile if first else "",
            row.case.name if first else "",
            f"{row.speed.number} {row.speed.name}",
            row.note,
            rate(row.delivered_bps) if row.exact else "nothing",
            f"{row.share:.0%}" if row.exact else "",
            "" if row.snr_db is None else f"{row.snr_db:.1f} dB",
            f"{row.speed.snr_db:.1f} dB",
            f"{row.sending:.0f} x",
            f"{row.receiving:.0f} x",
            style="" if row.exact else "dim",
        )
    out.table(table)
    out.say("sending and receiving: seconds of sound per second of one core")
