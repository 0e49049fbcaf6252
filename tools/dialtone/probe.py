"""Finds the fastest speed that a channel carries with something to spare, by trying it out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

import modem
from dialtone.errors import Failure
from dialtone.pipeline import after_quiet
from modem import channel

MARGIN_DB = 3.0  # SNR measured beyond the SNR that a speed needs
_SUPERFRAMES = 8  # sent in one trial
_SEEDS = (0, 1, 2, 3)  # a speed has to pass with all of these, as losses come by chance
_QUIET_S = 0.2  # ahead of the signal, for the channel to fill with its noise


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a few superframes. `whole`: no block failed, not even one that was repaired.

    snr_db  mean over the superframes, None where none was found
    """

    whole: bool
    snr_db: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A speed that passed; margin_db is what the channel has to spare."""

    profile: modem.Profile
    speed: modem.Speed
    margin_db: float


def fastest(spec: str, profiles: Iterable[modem.Profile]) -> Choice:
    """The fastest of all speeds of these profiles that the channel carries with margin.

    Raises ChannelError for a bad spec, Failure where no speed passes.
    """
    channel.parse(spec)
    best: Choice | None = None
    for profile in profiles:
        best = _fastest_of(profile, spec, best.speed.net_bps if best else 0.0) or best
    if best is None:
        raise Failure(
            f"no speed gets through {spec} with {MARGIN_DB:g} dB to spare",
            "choose --profile and --speed yourself, and try it with `dialtone loopback`",
        )
    return best


def _fastest_of(profile: modem.Profile, spec: str, above_bps: float) -> Choice | None:
    """The fastest that passes, if it is faster than above_bps.

    From the top down; the SNR that a trial measures over a band tells which speeds on the
    same band need no trial."""
    measured_db: dict[tuple[float, int], float] = {}
    for speed in sorted(profile.speeds, key=lambda speed: -speed.net_bps):
        if speed.net_bps <= above_bps:
            break
        if measured_db.get((speed.top_hz, speed.prefix), math.inf) - speed.snr_db < MARGIN_DB:
            continue
        trials = []
        for seed in _SEEDS:
            trials.append(try_out(profile, speed, channel.parse(spec, seed)))
            if not trials[-1].whole:
                break
        snr_db = trials[-1].snr_db
        if snr_db is None:
            return None
        measured_db[speed.top_hz, speed.prefix] = snr_db
        if all(trial.whole for trial in trials) and snr_db - speed.snr_db >= MARGIN_DB:
            return Choice(profile, speed, snr_db - speed.snr_db)
    return None


def try_out(profile: modem.Profile, speed: modem.Speed, simulated: channel.Channel) -> Trial:
    """Send a few superframes of random packets through a channel."""
    rng = np.random.default_rng(simulated.seed)
    transmitter = modem.Transmitter(profile, speed.number)
    count = speed.blocks * (_SUPERFRAMES - 1) + 1
    packets = [rng.bytes(transmitter.packet_bytes) for _ in range(count)]
    sent = np.concatenate((transmitter.process(packets), transmitter.flush()))
    quiet = round(_QUIET_S * profile.sample_rate)
    heard, rate = simulated.apply(after_quiet(sent, quiet), profile.sample_rate)

    failed = 0

    def observe(seen: modem.Observation) -> None:
        nonlocal failed
        failed += seen.blocks_failed

    receiver = modem.Receiver(rate, 1 if heard.ndim == 1 else heard.shape[1], observer=observe)
    events = [*receiver.process(heard), *receiver.flush()]
    arrived = [event.data for event in events if isinstance(event, modem.Packet)]
    snrs = [event.stats.snr_db for event in events if isinstance(event, modem.Acquired)]
    return Trial(arrived == packets and not failed, float(np.mean(snrs)) if snrs else None)
