"""What a recording is, in words, and if it cannot be decoded, why not."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dialtone.output import count, duration

if TYPE_CHECKING:
    import modem
    from dialtone.analysis import Analysis

_QUIET_DBFS = -60.0  # peak below which a recording is too quiet to trust
_CLIPPED = 0.005  # share of samples at the peak from where clipping is to blame
_NARROW_HZ = 8000  # sample rate below which no profile fits


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a recording is, in words. `good` when everything in it was read."""

    headline: str
    details: tuple[str, ...]
    good: bool


def is_whole(seen: "modem.Observation") -> bool:
    """Whether all packets of a superframe were recovered."""
    if seen.header is None:
        return seen.blocks_failed == 0
    return seen.packets >= seen.header.data_blocks


def judge(analysis: "Analysis") -> Verdict:
    """Say what a recording is, and if it cannot be decoded, why not."""
    facts = [_sound(analysis)]
    if analysis.damage:
        facts.append(analysis.damage)
    if not analysis.signals:
        return Verdict(_why_nothing(analysis), tuple(facts), good=False)
    superframes = analysis.superframes
    failed = [seen for seen in superframes if not is_whole(seen)]
    for signal in analysis.signals:
        facts.append(
            f"{signal.profile} at {_speed_text(signal.profile, signal.speed)}: "
            f"{duration(signal.air_seconds)}, SNR {signal.snr_db:.1f} dB, "
            f"clock {signal.clock_ppm:+.1f} ppm"
        )
    facts.extend(_transfers(analysis))
    profiles = " and ".join(dict.fromkeys(signal.profile for signal in analysis.signals))
    start = f"A Dialtone signal of profile {profiles}: "
    if not failed and not analysis.lost:
        all_read = f"all {count(len(superframes), 'superframe')} read without loss"
        return Verdict(f"{start}{all_read}.", tuple(facts), good=True)
    facts.extend(_why_failed(analysis, failed))
    if superframes and superframes[0].header and superframes[0].header.number:
        missing = count(superframes[0].header.number, "superframe")
        facts.append(f"the beginning is missing: {missing} came before the recording starts")
    read = f"{len(superframes) - len(failed)} of {count(len(superframes), 'superframe')} read whole"
    return Verdict(f"{start}{read}.", tuple(facts), good=False)


def _sound(analysis: "Analysis") -> str:
    channels = {1: "mono", 2: "stereo"}.get(analysis.channels, f"{analysis.channels} channels")
    return (
        f"{duration(analysis.seconds)} of sound at {analysis.sample_rate / 1000:g} kHz, "
        f"{channels}, peak {_peak_dbfs(analysis):.1f} dBFS"
    )


def _peak_dbfs(analysis: "Analysis") -> float:
    return float(analysis.columns.peak_dbfs.max())


def _speed_text(profile: str, speed: int) -> str:
    import modem

    return f"speed {speed} ({modem.profiles[profile].speeds[speed - 1].name})"


def _transfers(analysis: "Analysis") -> list[str]:
    """What the packets add up to."""
    from dialtone.pictures import shown_name
    from dialtone.reception import shown

    lines = [f"holds {shown_name(received.name)}, complete" for received in analysis.received]
    for transfer in analysis.transfers:
        what = shown(transfer)
        if transfer.locked:
            what += " (encrypted)"
        if transfer.have >= transfer.needed and transfer.exact:
            lines.append(f"holds {what}, complete")
        else:
            lines.append(f"holds {what}, {transfer.have} of {transfer.needed} packets")
    return lines


def _why_nothing(analysis: "Analysis") -> str:
    """Why there is no signal in it, the plainest reason first."""
    peak = _peak_dbfs(analysis)
    near_misses = Counter(seen.profile for seen in analysis.observations)
    if analysis.peak == 0.0:
        return "Digital silence: every sample is zero."
    if analysis.lost:
        reason = analysis.lost[0].reason
        return f"{reason[:1].upper()}{reason[1:]}."
    if near_misses and analysis.clipped > _CLIPPED:
        return (
            "Preambles were found, but no burst header could be read: the sound is clipped, "
            f"{analysis.clipped:.0%} of its samples stand at the limit. Record it at a lower level."
        )
    if near_misses:
        profile, times = near_misses.most_common(1)[0]
        return (
            f"Something like a {profile} preamble was found {count(times, 'time')}, but no burst "
            "header with a valid checksum: the signal is too noisy or distorted, or it is "
            "something else."
        )
    if peak < _QUIET_DBFS:
        return f"Too quiet: the peak is at {peak:.0f} dBFS. Record it louder."
    if analysis.seconds < 1.0:
        return f"Too short: {duration(analysis.seconds)} hold no superframe."
    return (
        "No Dialtone signal: no preamble anywhere. It is speech, music or noise, another modem, "
        "or a passage without a start of a superframe."
    )


def _why_failed(analysis: "Analysis", failed: "list[modem.Observation]") -> list[str]:
    """Why part of a signal could not be read."""
    import modem

    lines = []
    noisy: Counter[tuple[str, int]] = Counter()
    for seen in failed:
        if seen.header is None or seen.stats is None:
            continue
        needed = modem.profiles[seen.profile].speeds[seen.header.speed - 1].snr_db
        if seen.stats.snr_db < needed:
            noisy[seen.profile, seen.header.speed] += 1
    for (profile, speed), times in noisy.items():
        needed = modem.profiles[profile].speeds[speed - 1].snr_db
        worst = min(
            seen.stats.snr_db
            for seen in failed
            if seen.stats and seen.header and seen.header.speed == speed
        )
        lines.append(
            f"too noisy for {_speed_text(profile, speed)}: {count(times, 'superframe')} with an "
            f"SNR down to {worst:.1f} dB, where {needed:.1f} dB are needed; send it slower"
        )
    if analysis.clipped > _CLIPPED:
        lines.append(
            f"clipped: {analysis.clipped:.1%} of the samples stand at the limit; record it at a "
            "lower level"
        )
    others = len(failed) - sum(noisy.values())
    if others:
        lines.append(
            f"{count(others, 'superframe')} with enough SNR on average failed: gaps, slips or "
            "noise in bursts"
        )
    first = {miss.reason: miss for miss in reversed(analysis.lost) if not miss.packets}
    lines.extend(
        f"at {miss.time_s:.1f} s: {reason}"
        for reason, miss in sorted(first.items(), key=lambda item: item[1].time_s)
    )
    return lines
