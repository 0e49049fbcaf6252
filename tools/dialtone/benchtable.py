"""The tables of the command `bench`, within 100 columns."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from dialtone.output import Output, rate, times

if TYPE_CHECKING:
    from rich.table import Table

    from dialtone.bench import Measured, Row

_RIGHT = ("default", "best", "of limit", "SNR\ndB", "times\nreal")


def print_summary(measured: Sequence["Measured"], out: Output) -> None:
    """A line for each channel: what the default and the best speed deliver, and other modems."""
    if out.as_json:
        return
    programs = list(dict.fromkeys(row.peer for case in measured for row in case.peers))
    headings = [_split(program) for program in programs]
    table = _table("kbit/s delivered over simulated channels, all overheads counted", 2)
    table.add_column("best speed", no_wrap=True)
    for heading in (*_RIGHT, *headings):
        table.add_column(heading, justify="right", no_wrap=True)
    for profile, cases in groupby(measured, key=lambda one: one.case.profile):
        for number, one in enumerate(cases):
            table.add_row(profile if number == 0 else "", *_summary(one))
        table.add_section()
    out.table(table)
    out.say(
        "best: fastest speed that arrives exact, its share of the limit of the channel [kbit/s],\n"
        "SNR as received, and seconds of sound that one core receives in a second"
    )
    if programs:
        out.say(
            f"{', '.join(programs)}: the fastest of its own bit rates that arrives exact over the "
            "same\nchannel, in up to 5 s of sound; - where none does"
        )


def _summary(one: "Measured") -> tuple[str, ...]:
    best, limit = one.best, one.case.limit_bps
    default = one.default
    shown = best or default
    return (
        one.case.name,
        f"{best.speed.number} {best.speed.name}" if best else "none",
        _kbps(default.delivered_bps if default else 0.0),
        _kbps(best.delivered_bps if best else 0.0),
        f"{_share(best)} of {limit / 1e3:.4g}".strip() if limit else "",
        "" if shown is None or shown.snr_db is None else f"{shown.snr_db:.1f}",
        "" if shown is None else times(shown.receiving),
        *(_kbps(row.delivered_bps) for row in one.peers),
    )


def print_all(measured: Sequence["Measured"], out: Output) -> None:
    """A line for each measurement."""
    if out.as_json:
        return
    table = _table("every speed", 3)
    for heading in ("delivered", "of limit", "SNR", "needs", "sending", "receiving"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in measured:
        for number, row in enumerate(one.rows):
            table.add_row(
                one.case.profile if number == 0 else "",
                one.case.name if number == 0 else "",
                f"{row.speed.number} {row.speed.name}",
                rate(row.delivered_bps) if row.exact else "nothing",
                _share(row) if row.exact else "",
                "" if row.snr_db is None else f"{row.snr_db:.1f} dB",
                f"{row.speed.snr_db:.1f} dB",
                f"{times(row.sending)} x",
                f"{times(row.receiving)} x",
                style="" if row.exact else "dim",
            )
        table.add_section()
    out.table(table)


def _table(title: str, texts: int) -> "Table":
    """A table with so many columns of text to begin with; columns are two characters apart."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )
    for heading in ("", "channel", "speed")[:texts]:
        table.add_column(heading, no_wrap=True)
    return table


def _split(program: str) -> str:
    """A long name on two lines: mini- modem."""
    head, mark, tail = program.rpartition("modem")
    return f"{head}-\n{mark}{tail}" if len(program) > 6 and head else program


def _kbps(bits_per_second: float) -> str:
    kbps = bits_per_second / 1e3
    return (f"{kbps:.0f}" if kbps >= 100 else f"{kbps:.3g}") if kbps else "-"


def _share(row: "Row | None") -> str:
    return "" if row is None or row.share is None else f"{row.share:.0%}"
