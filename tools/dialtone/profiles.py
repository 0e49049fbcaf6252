"""Choosing a profile and a speed, and showing what there is to choose from."""

from typing import TYPE_CHECKING

from dialtone.errors import Failure
from dialtone.output import Output, duration, rate

if TYPE_CHECKING:
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
    if speed.isascii() and speed.isdigit() and 1 <= int(speed) <= len(speeds):
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
        for profile in modem.profiles.values():
            _show_table(profile, out)


def seconds_per_100kb(profile: "Profile", speed: "Speed") -> float:
    """Air time of 100 000 bytes with lead-in and everything the modem adds, in seconds."""
    import modem

    transmitter = modem.Transmitter(profile, speed.number)
    return transmitter.air_seconds(-(-_TABLE_BYTES // transmitter.packet_bytes))


def _show_table(profile: "Profile", out: Output) -> None:
    from rich.table import Table

    title = f"{profile.name}: {profile.description} ({profile.sample_rate / 1000:g} kHz)"
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("speed", "bit rate", "needs SNR", "100 kB take"):
        table.add_column(heading, justify="right")
    table.add_column("")
    table.add_column("", style="dim")
    for speed in profile.speeds:
        default = speed.number == profile.default_speed
        table.add_row(
            str(speed.number),
            rate(speed.net_bps),
            f"{speed.snr_db:.1f} dB",
            duration(seconds_per_100kb(profile, speed)),
            speed.name,
            "default" if default else "",
            style="bold green" if default else "",
        )
    out.table(table)
