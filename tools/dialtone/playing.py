"""Sending through a sound card: what `send` does where no file is written."""

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dialtone import ptt
from dialtone.errors import ExitCode, Failure
from dialtone.output import Output, count, duration
from dialtone.soundcard.child import Child, DeviceLostError
from dialtone.soundcard.devices import Device, find

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dialtone.calibration.store import Defaults
    from dialtone.output import Meter
    from dialtone.pipeline import Sending
    from dialtone.soundcard.playback import Playback

_PIECE_S = 0.1  # sound that is handed over, and told of, at a time
_LEVELS = 64  # pieces that are on their way to the ear at most


@dataclass(frozen=True, slots=True)
class PlayOptions:
    """What the command line asked for. device is a word, None the default one; vox_s is the
    length of a sound ahead [s]; ptt the command of a switch; gain_db at most 0, None for what was
    measured, else 0."""

    device: str | None = None
    vox_s: float = 0.0
    ptt: str | None = None
    gain_db: float | None = None

    @property
    def given(self) -> bool:
        """Whether anything was asked for that only a sound card can do."""
        return self != PlayOptions()


class Player:
    """A sound card to play a transfer with; a context manager.

    The sound process starts at once, and is ready by the time that this program is.
    """

    def __init__(self, options: PlayOptions) -> None:
        self._options = options
        self._ptt = None if options.ptt is None else ptt.words_of(options.ptt)
        self._child = Child()
        self._device: Device | None = None
        self._defaults: Defaults | None = None
        self._playback: Playback | None = None

    @property
    def device(self) -> Device:
        """Raises Failure (device) where there is none of that name."""
        if self._device is None:
            from dialtone.calibration import store

            self._device = find(self._options.device, self._child.devices(), playing=True)
            self._defaults = store.load(self._device.name)
        return self._device

    @property
    def defaults(self) -> "Defaults | None":
        """What was measured of the device, if it was."""
        return self._defaults if self.device else None

    @property
    def gain_db(self) -> float:
        """What the waveform is amplified by [dB], at most 0."""
        if self._options.gain_db is not None:
            return self._options.gain_db
        return min(self.defaults.level_dbfs, 0.0) if self.defaults else 0.0

    def play(self, sending: "Sending", out: Output) -> None:
        """Play a whole transfer, to the last sample.

        Raises Failure: of the device, of the switch, or for Ctrl-C, which ends the sound at once.
        """
        from dialtone.soundcard.playback import Playback

        profile = sending.profile
        total = sending.planned_air_seconds()
        of = "" if total is None else f" of {duration(total)}"
        with ExitStack() as stack:
            playback = self._playback = Playback(
                str(self.device.number),
                profile.sample_rate,
                profile.lanes,
                profile.numerology.high_hz,
                child=self._child,
            )
            try:
                if self._ptt is not None:
                    stack.enter_context(ptt.PushToTalk(self._ptt, out))
                stack.enter_context(playback)  # silent before the switch is off
                with out.progress("sending", total) as meter:
                    self._play(sending, playback, total, meter)
            except KeyboardInterrupt:
                raise Failure(
                    f"interrupted after {duration(playback.played_s)}{of} of sound",
                    "",
                    ExitCode.INTERRUPTED,
                ) from None
            except DeviceLostError as error:
                raise Failure(
                    f"{error}, after {duration(playback.played_s)}{of} of sound",
                    "`dialtone devices` shows what there is; send it again",
                    ExitCode.DEVICE,
                ) from None

    def _play(
        self, sending: "Sending", playback: "Playback", total: float | None, meter: "Meter"
    ) -> None:
        gain = 10 ** (self.gain_db / 20)
        made = deque[tuple[float, float]](maxlen=_LEVELS)  # where a piece ends [s], its level

        def tell() -> None:
            played_s, underruns = playback.played_s, playback.underruns
            while len(made) > 1 and made[0][0] < played_s:
                made.popleft()
            dbfs = made[0][1]
            left_s = None if total is None else max(total - played_s, 0.0)
            notes = [f"{dbfs:.1f} dBFS" if dbfs > float("-inf") else "silence"]
            if left_s is not None:
                notes.insert(0, f"{duration(left_s)} left")
            if underruns:
                notes.append(count(underruns, "underrun"))
            facts = {"left_s": left_s, "level_dbfs": dbfs, "underruns": underruns}
            meter(played_s, ", ".join(notes), **facts)

        piece = round(_PIECE_S * sending.profile.sample_rate)
        written = 0
        for samples in sending.samples():
            for start in range(0, len(samples), piece):
                part = samples[start : start + piece] * gain
                written += len(part)
                made.append((written / sending.profile.sample_rate, rms_dbfs(part)))
                playback.write(part)
                tell()
        playback.drain(tell)

    def facts(self) -> dict[str, object]:
        """What JSON events say of the playing."""
        assert self._playback is not None
        return {
            "device": self.device.name,
            "device_rate": self._playback.sample_rate,
            "gain_db": self.gain_db,
            "underruns": self._playback.underruns,
        }

    def summary(self) -> str:
        """The same for people."""
        assert self._playback is not None
        gain = f", {self.gain_db:g} dB" if self.gain_db else ""
        rate = self._playback.sample_rate / 1000
        summed = f"played on {self.device.name} at {rate:g} kHz{gain}"
        if self._playback.underruns:
            times = count(self._playback.underruns, "time")
            summed += (
                f"\nnote: the sound broke off {times}, as this machine was too slow; only extra "
                "packets make good for it, see --repair and --repeat"
            )
        return summed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()


def rms_dbfs(samples: "NDArray[np.floating]") -> float:
    """Level of samples, rms relative to a full scale of 1 [dB]; -inf for silence."""
    import numpy as np

    power = float(np.mean(np.square(samples))) if samples.size else 0.0
    return 10 * np.log10(power) if power else float("-inf")
