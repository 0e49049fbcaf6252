"""What a reception shows on a terminal."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from dialtone.chart import Chart
from dialtone.playing import rms_dbfs
from dialtone.screen import Meters, Screen
from dialtone.soundcard.devices import Device
from rich.console import Console

import framing
from framing.packet import Packet


def packet(number: int, k: int, esi: int) -> Packet:
    return Packet(b"\x01\x02\x03\x04", number, k, esi, b"")


def test_a_chart_shows_which_packets_are_there():
    chart = Chart()
    assert chart.row("01020304", 10, 10) == "·" * 10
    for esi in (0, 1, 2, 7):
        chart.add(packet(0, 10, esi))
    chart.add(packet(-1, 10, 5))  # a header is no part of the file
    assert chart.row("01020304", 10, 10) == "███····█··"
    assert chart.row("01020304", 20, 10) == "█▒·▒······"  # the second half is of unknown blocks
    for repair in range(10, 16):
        chart.add(packet(0, 10, repair))
    assert chart.row("01020304", 10, 10) == "█" * 10
    chart.add(packet(1, 10, 9))
    assert chart.row("01020304", 20, 20) == "█" * 10 + "·" * 9 + "█"
    assert len(chart.row("01020304", 20, 33)) == 33


def test_meters_know_a_sine_and_clipping():
    rate = 48000
    sine = np.sin(2 * np.pi * 997 * np.arange(2 * rate) / rate).astype(np.float32)[:, None]
    meters = Meters(rate)
    assert meters.peak_dbfs == meters.rms_dbfs == -120
    meters.add(sine)
    assert meters.rms_dbfs == pytest.approx(-3.01, abs=0.01)
    assert meters.peak_dbfs == pytest.approx(0, abs=0.01)
    for start in range(0, len(sine), 1000):  # what is more than a second ago does not count
        meters.add(0.1 * sine[start : start + 1000])
    assert meters.rms_dbfs == pytest.approx(-23.01, abs=0.01)
    assert rms_dbfs(0.1 * sine) == pytest.approx(-23.01, abs=0.01)
    louder = Meters(rate)
    louder.add(np.clip(2 * sine, -1, 1))
    # A sine of twice full scale is beyond it for two thirds of the time.
    assert louder.clipped == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize("width", [80, 120])
def test_what_a_reception_shows_fits_a_terminal(width):
    heard = ["aaaaaaaa", "bbbbbbbb"]
    pending = [
        framing.Progress(
            heard[0], "a photo with a long name.png", 9000, 350, 345, 1200, False, True, False
        ),
        framing.Progress(heard[1], None, None, 350, 12, 24, True, True, True),
    ]
    signal = SimpleNamespace(profile="phone", speed=37, snr_db=77.04, clock_ppm=-101.26,
                             packets=14, packets_lost=17, ended=True)  # fmt: skip
    screen = Screen(
        SimpleNamespace(device=Device(0, "default", "ALSA", 2, 2, 48000, True, True), channels=2,
                        overruns=0, sample_rate=48000),
        SimpleNamespace(signals=[signal], transfers=heard,
                        inbox=SimpleNamespace(pending=lambda: pending)),
        Chart(), Meters(48000),
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=width)
    console.print(screen.draw(width))
    page = console.file.getvalue()
    for text in (
        "listening  default, 48 kHz stereo", "; Ctrl-C ends it", "dBFS",
        "phone speed 37, SNR 77.0 dB, clock -101.3 ppm, ended, 17 packets lost",
        "arriving   ····", " 29 %  345 of ~1200 packets", "a photo with a", "locked     ····",
        " 50 %  the key is missing", "transfer bbbbbbbb",
    ):  # fmt: skip
        assert text in page
    assert len(page.splitlines()) == 5
