"""The command `bench`: what arrives over simulated channels, and how fast the machine is.

The delivered rate counts everything that goes on the air: lead-in, preambles, headers, key
header and trailer, checksums, repair packets. Compilation is not counted: a first transfer over
every profile warms the kernels up.
"""

import io
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone import peers, ready, search
from dialtone.output import Output, duration, size
from dialtone.peers import Peer, PeerRow

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
               simulations with ideal receivers; for awgn the closed formula over 0.2-22.9 kHz,
               at 192 kHz over all 96 kHz of both sides; None where it is not known
    times      payload in multiples of the usual one, where that would be over at once
    """

    profile: str
    name: str
    channel: str
    limit_bps: float | None
    times: int = 1


CASES = (
    Case("cable", "SNR 20 dB", f"{_CLOCK},awgn=20", 153_000),
    Case("cable", "SNR 30 dB", f"{_CLOCK},awgn=30", 229_000),
    Case("cable", "SNR 40 dB", f"{_CLOCK},awgn=40", 305_000),
    Case("cable", "SNR 60 dB", f"{_CLOCK},awgn=60", 456_000),
    Case("stereo192", "SNR 50 dB", "awgn=50,skew=100", 3_200_000, times=16),
    Case("phone", "G.711, -55 dBFS", f"{_CLOCK},band=300-3400,noise=-55,g711u", 38_300),
    Case("phone", "G.711, -45 dBFS", f"{_CLOCK},band=300-3400,noise=-45,g711u", 32_900),
    Case("phone", "echo 1.3+4.1 ms", f"{_CLOCK},echo=1.3ms/-9+4.1ms/-14,awgn=30", None),
    Case("phone", "echo 11+23 ms", f"{_CLOCK},echo=11ms/-9+23ms/-14,awgn=30", None),
    Case("mp3", "MP3 320 kbit/s", f"{_CLOCK},mp3=320", 240_000),
    Case("mp3", "MP3 128 kbit/s", f"{_CLOCK},mp3=128", 94_000),
    Case("mp3", "MP3 64 kbit/s", f"{_CLOCK},mp3=64", 39_500),
    Case("mp3", "MP3 32 kbit/s", f"{_CLOCK},mp3=32", 15_000),
    Case("air", "room of 0.3 s", f"{_CLOCK},room=300ms,awgn=20", 110_000),
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
    def share(self) -> float | None:
        """Delivered rate as a share of the channel's limit."""
        return self.delivered_bps / self.case.limit_bps if self.case.limit_bps else None


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured over one channel."""

    case: Case
    rows: Sequence[Row]
    peers: Sequence[PeerRow]

    @property
    def default(self) -> Row | None:
        return next((row for row in self.rows if "default" in row.note), None)

    @property
    def best(self) -> Row | None:
        """The fastest of the rows that arrived; None where none did."""
        arrived = [row for row in self.rows if row.exact]
        return max(arrived, key=lambda row: row.speed.net_bps) if arrived else None


def run_bench(quick: bool, full: bool, n_bytes: int, seed: int, out: Output) -> None:
    """Measure and print the table.

    Quick: default speeds, a small payload, no other modems. Full: every speed. Profiles that this
    version does not have are left out.
    """
    ready.prepare(out)
    import modem
    from dialtone import benchtable

    if quick:
        n_bytes = min(n_bytes, _QUICK_BYTES)
    cases = [case for case in CASES if case.profile in modem.profiles]
    warm_up_s = _warm_up(dict.fromkeys(case.profile for case in cases), seed)
    out.event("warmed_up", seconds=warm_up_s)
    usual = f"{size(n_bytes)} of random bytes a row"
    out.say(f"kernels ready after {duration(warm_up_s)}; {usual}, more where that is over at once")
    others = [] if quick else _find_peers(out)
    measured = []
    with out.progress("measuring", len(cases), "channels") as meter:
        for number, case in enumerate(cases):
            meter(number, case.name)
            rows = []
            for row in _measure_case(case, quick, full, n_bytes * case.times, seed):
                rows.append(row)
                _report_row(row, n_bytes * case.times, seed, out)
            beside = []
            for peer in others:
                meter(number, f"{case.name}, {peer.name}")
                beside.append(_measure_peer(peer, case, n_bytes * case.times, seed))
                _report_peer(beside[-1], case, seed, out)
            measured.append(Measured(case, rows, beside))
    if full:
        benchtable.print_all(measured, out)
    benchtable.print_summary(measured, out)


def _find_peers(out: Output) -> list[Peer]:
    working, broken = peers.find()
    out.event("peers", working=[peer.name for peer in working], broken=broken)
    for name in broken:
        out.say(f"{name} is installed but does not work by itself, and is left out")
    if not working and not broken:
        out.say("amodem and minimodem are not installed, and not measured beside")
    return working


def _warm_up(names: Iterable[str], seed: int) -> float:
    """Compile or load every kernel of these profiles; returns the time it took [s]."""
    import modem

    begun = time.perf_counter()
    for name in names:
        profile = modem.profiles[name]
        case = Case(name, "", _CLOCK, None)
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

    def attempt(speed: "Speed") -> Row:
        return measure(case, profile, speed, n_bytes, seed, "best")

    best = search.fastest_exact(profile.speeds, row, attempt)
    if best is row:
        yield replace(row, note="default, best")
        return
    yield row
    if best is not None:
        yield best


def measure(
    case: Case, profile: "Profile", speed: "Speed", n_bytes: int, seed: int, note: str = ""
) -> Row:
    """One transfer of random bytes, encrypted, with 0.5 s of noise in front."""
    import numpy as np

    from dialtone.locking import with_passphrase
    from dialtone.loopback import pass_through
    from dialtone.pipeline import Payload, Sending, bit_rate
    from modem import channel

    data = np.random.default_rng(seed).bytes(n_bytes)
    payload = Payload(io.BytesIO(data), "random.bin", n_bytes)
    sealing = with_passphrase(f"bench {seed}").for_planning()
    with (
        tempfile.TemporaryDirectory(prefix="dialtone-") as folder,
        closing(Sending(payload, profile, speed, sealing)) as sending,
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


def _measure_peer(peer: Peer, case: Case, n_bytes: int, seed: int) -> PeerRow:
    import modem
    from modem import channel

    profile = modem.profiles[case.profile]
    return peers.measure(peer, channel.parse(case.channel, seed), profile, n_bytes)


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


def _report_peer(row: PeerRow, case: Case, seed: int, out: Output) -> None:
    out.event(
        "measured_peer",
        program=row.peer,
        profile=case.profile,
        channel=case.channel,
        mode=row.mode.name if row.mode else None,
        exact=row.mode is not None,
        bytes=row.n_bytes,
        seed=seed,
        air_seconds=row.air_seconds,
        delivered_bps=row.delivered_bps,
    )
