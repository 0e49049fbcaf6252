"""Choosing a profile and a speed, and showing what there is to choose from."""

import re
from typing import TYPE_CHECKING

from dialtone.errors import Failure
from dialtone.output import Output, duration, rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from modem import Profile, Speed

_TABLE_BYTES = 100_000
_COMMON_RATE = 48000


def choose(name: str | None, speed: str | None, output: str | None) -> "tuple[Profile, Speed]":
    """The profile and speed that were asked for, or suit the output.

    name    profile, or None: mp3 where an MP3 file is written, phone otherwise
    speed   "3", "max", "default" or None
    Raises Failure (usage) naming what there is instead.
    """
    import modem

    if name is None:
        name = "mp3" if output is not None and output.lower().endswith(".mp3") else "phone"
    if name not in modem.profiles:
        known = ", ".join(modem.profiles)
        raise Failure(f"there is no profile {name!r}", f"the profiles are {known}")
    profile = modem.profiles[name]
    return profile, choose_speed(profile, speed)


def is_common(profile: "Profile") -> bool:
    """Whether every sound device and file can carry it: mono, at 48 kHz or below."""
    return profile.lanes == 1 and profile.sample_rate <= _COMMON_RATE


def choose_speed(profile: "Profile", speed: str | None) -> "Speed":
    """The speed of a profile that `speed` ("3", "max", "default", None) names."""
    speeds = profile.speeds
    if speed is None or speed == "default":
        return speeds[profile.default_speed - 1]
    if speed == "max":
        return speeds[-1]
    if re.fullmatch("[0-9]{1,4}", speed) and 1 <= int(speed) <= len(speeds):
        return speeds[int(speed) - 1]
    raise Failure(
        f"profile {profile.name} has no speed {speed!r}", f"give 1 to {len(speeds)}, or max"
    )


def show_profiles(out: Output) -> None:
    """Print every profile and speed: as JSON rows or as a table."""
    import modem

    for profile in modem.profiles.values():
        for speed in profile.speeds:
            out.record(
                profile=profile.name,
                speed=speed.number,
                name=speed.name,
                net_bps=speed.net_bps,
                snr_db=speed.snr_db,
                seconds_per_100kB=seconds_per_100kb(profile, speed),
                default=speed.number == profile.default_speed,
                sample_rate=profile.sample_rate,
            )
    if not out.as_json:
        _show_overview(out)
        ladders: dict[object, list[Profile]] = {}
        for profile in modem.profiles.values():
            rungs = tuple((speed.order, speed.snr_db) for speed in profile.speeds)
            ladders.setdefault((rungs, profile.default_speed), []).append(profile)
        for alike in ladders.values():
            _show_ladder(alike, out)


def seconds_per_100kb(profile: "Profile", speed: "Speed") -> float:
    """Air time of 100 000 bytes with lead-in and everything the modem adds, in seconds."""
    import modem

    transmitter = modem.Transmitter(profile, speed.number)
    return transmitter.air_seconds(-(-_TABLE_BYTES // transmitter.packet_bytes))


def _show_overview(out: Output) -> None:
    """A line for each profile."""
    import modem

    table = _table("profiles", ("kHz", "speeds", "slowest", "fastest", "default"), 0)
    table.add_column("for")
    for profile in modem.profiles.values():
        speeds = profile.speeds
        table.add_row(
            profile.name,
            f"{profile.sample_rate / 1000:g}",
            str(len(speeds)),
            *(rate(speeds[at].net_bps) for at in (0, -1, profile.default_speed - 1)),
            profile.description,
        )
    out.table(table)


def _show_ladder(alike: "list[Profile]", out: Output) -> None:
    """The speeds of a profile, or of several whose speeds differ in nothing but the bit rate."""
    first, several = alike[0], len(alike) > 1
    rates = [profile.name for profile in alike] if several else ["bit rate", "100 kB take"]
    table = _table(", ".join(profile.name for profile in alike), ("needs SNR", *rates), 12)
    table.add_column("")
    for place, speed in enumerate(first.speeds):
        default = speed.number == first.default_speed
        columns = [rate(profile.speeds[place].net_bps) for profile in alike]
        if not several:
            columns.append(duration(seconds_per_100kb(first, speed)))
        name = speed.name.split()[0] if several else speed.name
        table.add_row(
            str(speed.number),
            f"{speed.snr_db:.1f} dB",
            *columns,
            f"{name}, default" if default else name,
            style="bold green" if default else "",
        )
    out.table(table)


def _table(title: str, figures: "Sequence[str]", width: int) -> "Table":
    """A table with a column for what a line is about, and columns of figures of some width."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("" if width == 0 else "speed", justify="right" if width else "left")
    for heading in figures:
        table.add_column(heading, justify="right", min_width=width)
    return table
