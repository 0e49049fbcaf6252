"""Receiving from a sound card."""

import time
from typing import TYPE_CHECKING

from dialtone.errors import TimeIsOver
from dialtone.output import count
from dialtone.screen import Meters, Screen
from dialtone.soundcard.capture import Capture, DeviceLostError

if TYPE_CHECKING:
    from dialtone.chart import Chart
    from dialtone.pipeline import Receiving
    from dialtone.reception import Report

_WAIT_S = 0.2  # for sound, before the display is drawn again


class CardSound:
    """What a sound card hears.

    once       only the first complete transfer
    timeout_s  end after so long; None: when it is interrupted
    rates      its sample rate, alone [Hz]
    channels   of every chunk
    """

    silence_hint = "is it the right input, and is it loud enough? see `dialtone devices`"

    def __init__(self, capture: Capture, once: bool, timeout_s: float | None) -> None:
        self._capture = capture
        self._once, self._timeout_s = once, timeout_s
        self.rates = [self._capture.sample_rate]
        self.channels = self._capture.channels

    @property
    def damage(self) -> str | None:
        """What is missing of the sound, in a sentence, if something is."""
        if not self._capture.overruns:
            return None
        lost = count(self._capture.overruns, "time")
        return f"sound was lost {lost} on this machine, which was too busy to take it"

    def listen(self, receiving: "Receiving", report: "Report", chart: "Chart") -> None:
        """Take the sound in, and tell of it, until enough was received.

        Raises TimeIsOver where that was not in time, DeviceLostError when the device is gone; what
        had arrived by then has been told.
        """
        meters = Meters(self._capture.sample_rate)
        screen = Screen(self._capture, receiving, chart, meters)
        limit_s = float("inf") if self._timeout_s is None else self._timeout_s
        deadline = time.monotonic() + limit_s
        if not report.out.draws:
            where = f"{self._capture.device.name} at {self._capture.sample_rate / 1000:g} kHz"
            report.out.say(f"listening to {where}; Ctrl-C ends it")
        with report.out.live("receiving", screen.draw) as meter:
            while (left_s := deadline - time.monotonic()) > 0:
                try:
                    chunk = self._capture.read(min(_WAIT_S, left_s))
                except DeviceLostError:
                    _flush(receiving, report)
                    raise
                report.hear(chunk)
                meters.add(chunk)
                for outcome in receiving.process(chunk):
                    report.take(outcome)
                    if self._once and report.arrived:
                        return
                meter(receiving.seconds, report.state(), **screen.facts())
            _flush(receiving, report)
        raise TimeIsOver

    def close(self) -> None:
        self._capture.close()


def _flush(receiving: "Receiving", report: "Report") -> None:
    """Tell what was on its way when the sound ended."""
    for outcome in receiving.flush():
        report.take(outcome)
