"""The command `calibrate` without a sound card, and what it saves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dialtone import keystore
from dialtone.calibration import command, store, trying
from dialtone.calibration.command import CalibrateOptions
from dialtone.calibration.fitting import Fit
from dialtone.calibration.store import Defaults
from dialtone.errors import ExitCode, Failure
from dialtone.output import Output
from PIL import Image

import modem

from .simulated_loop import SimulatedLoop


class Card(SimulatedLoop):
    """The simulated loop where the command opens sound devices."""

    spec = ""
    sides = 1

    def __init__(self, output: str | None, source: str | None, rate: int | None) -> None:
        super().__init__(self.spec, lanes=self.sides)
        self.output = output or "Simulated, Card: (hw:1,0)"

    def __enter__(self) -> "Card":
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def calibrate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[dict[str, Any]]]:
    def call(spec: str, sides: int = 1, level: float = 0.0, **more: Any) -> list[dict[str, Any]]:
        card = type("ThisCard", (Card,), {"spec": spec, "sides": sides})
        monkeypatch.setattr("dialtone.calibration.loop.CardLoop", card)
        options = {"output": None, "input": None, "rate": None, "report": None, "save": True} | more
        capsys.readouterr()
        try:
            command.calibrate_devices(CalibrateOptions(level_db=level, **options), Output(True))
        finally:
            call.said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return call.said

    return call


def of_kind(said: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in said if event["event"] == kind]


def test_a_cable_is_measured_tried_and_saved(
    calibrate: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    report = tmp_path / "report.png"
    said = calibrate("skew=40,noise=-66,highpass=10,crosstalk=-60", sides=2, report=report)
    (event,) = of_kind(said, "calibrated")
    assert event["good"]
    assert event["profile"] == "stereo"
    assert event["sides"] == "apart"
    assert event["clock_ppm"] == pytest.approx(40, abs=0.1)
    assert event["noise_dbfs"] == pytest.approx(-66, abs=0.3)
    assert event["margin_db"] > 5
    tried = of_kind(said, "tried")
    assert tried == [{"event": "tried"} | each for each in event["tried"]]
    assert [each["arrived"] for each in tried] == [True] * 3
    assert event["net_bps"] == max(each["net_bps"] for each in tried)
    saved = Path(event["saved"])
    assert saved.stat().st_mode & 0o777 == 0o600
    assert saved.parent.stat().st_mode & 0o777 == 0o700
    assert store.load("Simulated, Card: (hw:1,0)") == Defaults("stereo", event["speed"], 0.0)
    assert Image.open(report).size == (1320, 1045)


def test_an_overdriven_input_is_used_at_a_lower_level(
    calibrate: Callable[..., list[dict[str, Any]]],
) -> None:
    (event,) = of_kind(calibrate("gain=10,noise=-60"), "calibrated")
    assert event["level_db"] == -12
    assert event["details"][0].startswith("turn the input down by 10 dB: ")
    assert event["clips_from_db"] == pytest.approx(-10, abs=0.2)
    defaults = store.load("Simulated, Card: (hw:1,0)")
    assert defaults is not None
    assert defaults.level_dbfs == -12


def test_the_level_has_a_limit(calibrate: Callable[..., list[dict[str, Any]]]) -> None:
    (event,) = of_kind(calibrate("noise=-60", level=-20.0), "calibrated")
    assert event["level_db"] == -20
    assert event["peak_dbfs"] == pytest.approx(-20, abs=0.3)
    with pytest.raises(Failure, match="--level takes"):
        calibrate("", level=1.0)


def test_nothing_is_saved_where_nothing_was_heard(
    calibrate: Callable[..., list[dict[str, Any]]],
) -> None:
    with pytest.raises(Failure, match="nothing was heard: is the cable in") as caught:
        calibrate("gain=-120,gain=-60,noise=-125")
    assert caught.value.code == ExitCode.INCOMPLETE
    assert store.load("Simulated, Card: (hw:1,0)") is None


def test_nothing_is_saved_where_nothing_arrives(
    calibrate: Callable[..., list[dict[str, Any]]],
) -> None:
    with pytest.raises(Failure, match="no speed gets through"):
        calibrate("dropout=100ms/110ms,noise=-30")
    (event,) = of_kind(calibrate.said, "calibrated")  # type: ignore[attr-defined]
    assert not event["good"]
    assert event["saved"] is None
    assert store.load("Simulated, Card: (hw:1,0)") is None


def test_no_save_leaves_what_was_there(calibrate: Callable[..., list[dict[str, Any]]]) -> None:
    before = Defaults("air", 3, -6.0)
    path = store.save("Simulated, Card: (hw:1,0)", before, {})
    (event,) = of_kind(calibrate("noise=-50", save=False), "calibrated")
    assert event["good"]
    assert event["saved"] is None
    assert store.load("Simulated, Card: (hw:1,0)") == before
    assert sorted(path.parent.iterdir()) == [path]


class LateCard(Card):
    """A way of two and a half seconds; recorded is no more than a sound card's loop would."""

    spec = "noise=-60"

    def __init__(self, output: str | None, source: str | None, rate: int | None) -> None:
        super().__init__(output, source, rate)
        self._late_s = 2.5

    def play(self, samples: Any, rate: int, passband_hz: float, meter: Any) -> Any:
        heard = super().play(samples, rate, passband_hz, meter)
        return heard[: round((len(samples) / rate + self.tail_s) * self.record_rate)]


def test_a_sound_that_comes_back_late_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dialtone.calibration.loop.CardLoop", LateCard)
    command.calibrate_devices(CalibrateOptions(None, None, None, 0.0, None, False), Output(True))
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (event,) = of_kind(said, "calibrated")
    assert event["good"]
    assert event["details"] == []
    assert event["delay_s"] == pytest.approx(2.5, abs=0.001)
    assert all(each["arrived"] for each in event["tried"])


@pytest.mark.parametrize("what", ["report", "defaults"])
def test_what_cannot_be_written_costs_nothing_else(
    calibrate: Callable[..., list[dict[str, Any]]], tmp_path: Path, what: str
) -> None:
    report = tmp_path / "no folder" / "report.png" if what == "report" else None
    if what == "defaults":
        keystore.home().parent.mkdir(parents=True, exist_ok=True)
        keystore.home().write_bytes(b"a file, no folder")
    with pytest.raises(OSError, match=r"no folder|home"):
        calibrate("noise=-50", report=report)
    (event,) = of_kind(calibrate.said, "calibrated")  # type: ignore[attr-defined]
    assert event["good"]
    assert event["report"] is None
    assert (event["saved"] is None) == (what == "defaults")


def test_people_get_sentences_and_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "dialtone.calibration.loop.CardLoop", type("C", (Card,), {"spec": "noise=-50,hum=-38"})
    )
    options = CalibrateOptions("usb card", None, None, 0.0, None, True)
    command.calibrate_devices(options, Output())
    said = capsys.readouterr()
    assert said.out == ""
    for text in (
        "playing through usb card at 48 kHz, mono", "noise at -50 dBFS", "ppm", "what fits",
        "kbit/s", "hum at 50 Hz, 12 dB above the noise", "to spare",
        "`dialtone send FILE --device 'usb card'` uses it",
    ):  # fmt: skip
        assert text in said.err


def test_the_first_file_of_the_store_is_for_its_owner_alone() -> None:
    path = store.save("d", Defaults("phone", 1, 0.0), {})
    folders = (path.parent, keystore.home())
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]


def test_defaults_survive_and_differ_by_device() -> None:
    names = [
        "USB Audio (hw:1,0)",
        "usb audio hw 1 0",
        "../../etc/passwd",
        "",
        "写真",
        "x" * 500,
        "a\0b",
    ]
    for number, name in enumerate(names, start=1):
        store.save(name, Defaults("phone", number, -0.5 * number), {"snr_db": 30.0})
    for number, name in enumerate(names, start=1):
        assert store.load(name) == Defaults("phone", number, -0.5 * number)
    folder = store.path_of("").parent
    assert len(list(folder.iterdir())) == len(names)
    assert all(store.path_of(name).parent == folder for name in names)
    assert store.load("another") is None


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "[" * 100_000, '{"device": "d"}', "\x00\xff",
        '{"device": "d", "profile": "none", "speed": 1, "level_dbfs": 0}',
        '{"device": "d", "profile": "phone", "speed": 0, "level_dbfs": 0}',
        '{"device": "d", "profile": "phone", "speed": 999, "level_dbfs": 0}',
        '{"device": "d", "profile": "phone", "speed": "1", "level_dbfs": 0}',
        '{"device": "d", "profile": "phone", "speed": 1, "level_dbfs": NaN}',
        '{"device": "d", "profile": "phone", "speed": 1, "level_dbfs": 40}',
        '{"device": "d", "profile": ["phone"], "speed": 1, "level_dbfs": 0}',
        '{"device": "e", "profile": "phone", "speed": 1, "level_dbfs": 0}',
    ],
)  # fmt: skip
def test_a_spoilt_file_is_none(text: str) -> None:
    path = store.save("d", Defaults("phone", 1, 0.0), {})
    assert store.load("d") == Defaults("phone", 1, 0.0)
    path.write_text(text, encoding="latin-1")
    assert store.load("d") is None


@pytest.mark.parametrize(
    "change",
    [{"speed": 62}, {"speed": 4}, {"speed": True}, {"net_bps": 12345.6}, {"net_bps": None}],
)
def test_a_speed_of_another_version_is_not_taken(change: dict[str, object]) -> None:
    path = store.save("d", Defaults("cable", 5, 0.0), {})
    assert store.load("d") == Defaults("cable", 5, 0.0)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert store.load("d") is None


def test_slower_speeds_are_tried_where_the_first_fails() -> None:
    profile = modem.profiles["phone"]
    hopeful = Fit(profile, profile.speeds[-1], 3.0)
    told: list[trying.Trial] = []
    loop = SimulatedLoop("noise=-42,gain=-12")
    trials = trying.try_out(loop, [hopeful], 0.0, lambda *_, **__: None, told.append)
    assert trials == told
    assert not trials[0].good
    assert trials[-1].good
    assert trying.chosen(trials) is trials[-1]
    assert loop.seconds < trying.AIR_S + 10
