"""Tries speeds out over a loop: what counts is what arrives."""

import io
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import framing
from dialtone.calibration.fitting import MARGIN_DB, Fit, slower
from dialtone.calibration.loop import Loop
from dialtone.locking import LockOptions, sealing
from dialtone.output import Meter
from dialtone.pipeline import Delivered, Payload, Receiving, Sending, bit_rate

AIR_S = 30.0  # of all transmissions together
_TRIAL_S = 1.0  # air time of a payload, about; whole superframes make it longer
_BYTES_MIN, _BYTES_MAX = 64, 1 << 18
_PROFILES = 3  # that are tried out
_TRIES = 3  # of each, every one slower
_ENOUGH_DB = MARGIN_DB / 2  # SNR to spare that a transmission has to measure
_STEP_DB = 3.0
_SEED = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """A transmission over the loop.

    arrived    whether every byte did
    snr_db, clock_ppm  as the receiver measured them, None where it heard nothing
    packets_lost  that only the extra packets made good for
    """

    fit: Fit
    arrived: bool
    snr_db: float | None
    clock_ppm: float | None
    packets_lost: int
    air_seconds: float
    goodput_bps: float

    @property
    def spare_db(self) -> float:
        """SNR beyond what the speed needs, as measured; of what did not arrive below 0."""
        if self.snr_db is None:
            return -self.fit.speed.snr_db
        return self.snr_db - self.fit.speed.snr_db

    @property
    def good(self) -> bool:
        """Whether the speed can be relied on."""
        return self.arrived and not self.packets_lost and self.spare_db >= _ENOUGH_DB


def try_out(
    loop: Loop, fits: list[Fit], level_db: float, meter: Meter, tell: Callable[[Trial], None]
) -> list[Trial]:
    """Send over the best of these speeds, and slower ones where they fail.

    fits   fastest first
    level_db  gain for playing
    meter  is told the seconds played, AIR_S at most
    tell   is called with each trial
    """
    trials: list[Trial] = []
    used_s = 0.0

    def played(done: float, note: str = "", **facts: object) -> None:
        meter(min(used_s + done, AIR_S), note, **facts)

    for first in fits[:_PROFILES]:
        fit: Fit | None = first
        for _ in range(_TRIES):
            if fit is None or used_s >= AIR_S:
                break
            trial = transmit(loop, fit, level_db, played)
            used_s += trial.air_seconds
            trials.append(trial)
            tell(trial)
            if trial.good:
                break
            fit = slower(fit, max(_STEP_DB, _ENOUGH_DB - trial.spare_db))
    return trials


def transmit(loop: Loop, fit: Fit, level_db: float, meter: Meter) -> Trial:
    """Send random bytes over the loop with one speed."""
    size = int(min(max(fit.speed.net_bps / 8 * _TRIAL_S, _BYTES_MIN), _BYTES_MAX))
    data = np.random.default_rng(_SEED).bytes(size)
    payload = Payload(io.BytesIO(data), "calibration", size)
    sealed = sealing(LockOptions(plain=True))
    with (
        closing(Sending(payload, fit.profile, fit.speed, sealed)) as sending,
        tempfile.TemporaryDirectory(prefix="dialtone-") as folder,
        closing(framing.Inbox(Path(folder))) as inbox,
    ):
        gain = np.float32(10 ** (level_db / 20))
        samples = np.concatenate(list(sending.samples())) * gain
        high_hz = fit.profile.numerology.high_hz
        heard = loop.play(samples, fit.profile.sample_rate, high_hz, meter)
        receiving = Receiving(inbox, [loop.record_rate], heard.shape[1])
        delivered = [each for each in receiving.run(heard) if isinstance(each, Delivered)]
        arrived = any(each.received.path.read_bytes() == data for each in delivered)
        signal = max(receiving.signals, key=lambda signal: signal.packets, default=None)
        return Trial(
            fit,
            arrived,
            signal.snr_db if signal else None,
            signal.clock_ppm if signal else None,
            signal.packets_lost if signal else 0,
            sending.air_seconds,
            bit_rate(size, sending.air_seconds) if arrived else 0.0,
        )


def chosen(trials: list[Trial]) -> Trial | None:
    """The fastest that can be relied on; None where nothing can."""
    return max((t for t in trials if t.good), key=lambda t: t.fit.speed.net_bps, default=None)
