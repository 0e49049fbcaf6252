"""Profiles and speeds to test with where all of them would take many minutes."""

from modem.profile import Profile, Speed

# One profile of each waveform, for what does not depend on band and sample rate: faults of the
# line, clocks, levels. That packets arrive at all is tested for every profile.
WAVEFORMS = ("phone", "mp3", "cable", "air")


def telling_speeds(profile: Profile) -> list[Speed]:
    """The first speed, the default, the last, and one of each kind.

    A kind is what makes the modem work differently: form of the superframes, band, prefix,
    constellation. Speeds of a kind differ in the lengths of their blocks alone.
    """
    kinds = {
        (profile.mode(speed) is profile, speed.top_hz, speed.prefix, speed.order): speed
        for speed in profile.speeds
    }
    chosen = {speed.number for speed in kinds.values()}
    chosen |= {1, profile.default_speed, len(profile.speeds)}
    return [profile.speed(number) for number in sorted(chosen)]
