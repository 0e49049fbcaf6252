"""Small parts of the program: figures for people, held signals, whole files, trials of speeds."""

import json
import os
import signal

import pytest
from dialtone import output, probe
from dialtone.errors import Failure
from dialtone.interrupts import HeldSignals
from dialtone.output import Output
from dialtone.probe import MARGIN_DB, Trial, fastest, try_out
from dialtone.whole import whole_file

import modem
from modem import channel


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (output.duration(3.21), "3.2 s"),
        (output.duration(125), "2 min 05 s"),
        (output.duration(3720), "1 h 02 min"),
        (output.size(812), "812 bytes"),
        (output.size(64_000), "64.0 kB"),
        (output.size(1_200_000), "1.20 MB"),
        (output.rate(850), "850 bit/s"),
        (output.rate(16_340), "16.3 kbit/s"),
        (output.rate(1_187_000), "1.19 Mbit/s"),
        (output.times(2.54), "2.5"),
        (output.times(73.2), "73"),
        (output.count(1, "packet"), "1 packet"),
        (output.count(12_000, "packet"), "12,000 packets"),
    ],
)
def test_figures_for_people(said, expected):
    assert said == expected


def test_unknown_figures_are_null(capsys):
    Output(as_json=True).event("x", nan=float("nan"), inf=float("inf"), none=None, text="ä")
    assert json.loads(capsys.readouterr().out) == {
        "event": "x", "nan": None, "inf": None, "none": None, "text": "ä"
    }  # fmt: skip


def test_events_leave_stdout_to_the_sound(capsys):
    Output(as_json=True, data_on_stdout=True).event("x")
    said = capsys.readouterr()
    assert (said.out, json.loads(said.err)) == ("", {"event": "x"})


def test_held_signals_take_effect_at_the_check():
    with HeldSignals() as held:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            held.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_held_signals_take_effect_at_the_end():
    with pytest.raises(KeyboardInterrupt), HeldSignals():
        os.kill(os.getpid(), signal.SIGINT)


def test_a_file_is_whole_or_absent(tmp_path):
    target = tmp_path / "x"
    target.write_bytes(b"before")

    def half() -> None:
        with whole_file(target) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert target.read_bytes() == b"before"
    with whole_file(target) as file:
        file.write(b"after")
    assert target.read_bytes() == b"after"


def test_the_fastest_speed_has_the_margin_and_the_next_one_has_not():
    profile = modem.profiles["phone"]
    choice = fastest("awgn=18", [profile])
    assert choice.margin_db >= MARGIN_DB
    # White noise over 0-4 kHz, the signal in 300-3400 Hz of it.
    assert choice.speed.snr_db + choice.margin_db == pytest.approx(19.1, abs=1.0)
    faster = [speed for speed in profile.speeds if speed.number > choice.speed.number]
    assert all(speed.snr_db + MARGIN_DB > 18 for speed in faster)


def test_speeds_that_could_not_win_are_not_tried(monkeypatch):
    tried = []

    def passes(profile, speed, simulated):
        tried.append((profile.name, speed.number))
        return Trial(True, 99.0)

    monkeypatch.setattr(probe, "try_out", passes)
    phone, cable = modem.profiles["phone"], modem.profiles["cable"]
    top = ("cable", len(cable.speeds))
    for order, expected in (
        ((cable, phone), {top}),
        ((phone, cable), {top, ("phone", len(phone.speeds))}),
    ):
        tried.clear()
        choice = fastest("gain=0", order)
        assert (choice.profile, choice.speed) == (cable, cable.speeds[-1])
        assert set(tried) == expected


def test_a_trial_tells_a_channel_without_signal():
    profile = modem.profiles["phone"]
    trial = try_out(profile, profile.speeds[0], channel.parse("gain=-120,noise=-20"))
    assert (trial.whole, trial.snr_db) == (False, None)
    with pytest.raises(Failure):
        fastest("gain=-120,noise=-20", [profile])
