"""Which of the profiles that share a preamble a burst header is of, what it takes to read it."""

from __future__ import annotations

from modem.header import BurstHeader
from modem.profile import Profile
from modem.profile_table import profiles

_RATE_MARGIN = 1.1  # a little of the upper band may be missing


def variant_of(profile: Profile, header: BurstHeader) -> Profile:
    """The profile that the header is of, among those that share this one's preamble; this one
    itself where there is none."""
    for other in profiles.values():
        if other.preamble == profile.preamble and other.variant == header.variant != 0:
            return other
    return profile


def plausible(profile: Profile, header: BurstHeader) -> bool:
    """Whether such a header is ever sent."""
    if header.variant != profile.variant or header.speed > len(profile.speeds):
        return False
    speed = profile.speed(header.speed)
    if profile.sync_repeats != profiles[profile.name].mode(speed).sync_repeats:
        return False
    full = speed.blocks
    return header.data_blocks <= full and (header.last or header.data_blocks == full)


def unfit(profile: Profile, sample_rate: int, channels: int) -> str:
    """Why transmissions of this profile cannot be read from such an input; empty if they can."""
    if profile.lanes > channels:
        return f"a transmission of profile {profile.name} needs a stereo recording"
    if profile.sample_rate > _RATE_MARGIN * sample_rate:
        return (
            f"a transmission of profile {profile.name} needs a recording of "
            f"{profile.sample_rate} Hz, not of {sample_rate} Hz"
        )
    return ""


def one_sided(profile: Profile) -> str:
    """Why a stereo recording may not do either."""
    return (
        f"a transmission of profile {profile.name} needs both sides, and the recording has only "
        "one of them, or the same on both"
    )
