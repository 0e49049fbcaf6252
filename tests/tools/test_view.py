"""The text view: what stands where, whatever the events and the terminal are."""

import io
import itertools
import threading
import unicodedata
from typing import Any

import pytest
from dialtone.listening.board import Slots
from dialtone.listening.frame import plan
from dialtone.listening.glyphs import BLOCKS, bar, columns, figure, harmless, span, spread
from dialtone.listening.hub import Hub
from dialtone.listening.view import Screen, View
from rich.cells import cell_len
from rich.console import Console

NOON = 1_795_003_200.0  # 2026-11-18 12:00:00 UTC
SIZES = [(80, 24), (120, 40), (200, 50), (60, 16), (40, 10), (39, 9), (20, 5), (3, 2), (1, 1)]
EVIL = "evil\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\r\nmore\udcff"


class Terminal(io.StringIO):
    """Keeps what is written, and tells when a text has been drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()

    def write(self, text: str) -> int:
        with self.changed:
            self.changed.notify_all()
            return super().write(text)

    def wait_for(self, text: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: text in self.getvalue(), timeout=20), text


def events(peak: float = -7.3, snr: float | None = 41.2, name: str = "line-in") -> list[Any]:
    about = {"input": name, "device": "USB Audio", "rate": 48000, "channels": 2, "note": None}
    return [
        {"type": "input", "state": "open", **about},
        {
            "type": "level", "input": name, "peak_dbfs": peak, "rms_dbfs": peak - 12.0,
            "clipped": 0.021, "overruns": 3, "seconds": 7500.0, "waits_for": "receiving",
        },
        {"type": "spectrum", "input": name, "low_hz": 0.0, "high_hz": 24000.0, "dbfs": [-60] * 99},
        {
            "type": "superframe", "input": name, "profile": "cable", "speed": 23, "snr_db": snr,
            "clock_ppm": 12.34, "level_dbfs": -13.0, "blocks": 44, "blocks_failed": 1,
        },
        {
            "type": "transfer", "transfer": "01234567", "name": "photo.png", "have": 50,
            "needed": 200, "exact": True, "state": "arriving", "reason": None,
        },
        {
            "type": "received", "file": "/inbox/x/song.flac", "bytes": 24100, "snr_db": 31.2,
            "received_at": NOON - 60, "goodput_bps": 20600.0, "signed_by": "ann", "signer": "abc",
        },
        {"type": "log", "time": NOON - 5, "level": "warning", "text": "3 overruns", "fields": {}},
    ]  # fmt: skip


def screen(*lists: list[Any], encoding: str = "utf-8") -> Screen:
    made = Screen(encoding)
    made.clock = lambda: 1000.0
    made.utc = lambda: NOON
    for events in lists:
        made.take(events)
    return made


def texts(shown: Screen, width: int, height: int) -> list[str]:
    return ["".join(part.text for part in line.segments()) for line in shown.lines(width, height)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("inputs", [0, 1, 2, 5, 40])
def test_every_line_has_the_width_of_the_terminal(size: tuple[int, int], inputs: int) -> None:
    shown = screen(*(events(name=f"input {i}") for i in range(inputs)))
    shown.take([{"type": "transfer", "transfer": "x", "name": "写真" * 40, "state": "locked"}])
    lines = texts(shown, *size)
    assert [cell_len(line) for line in lines] == [size[0]] * size[1]


@pytest.mark.parametrize("width", [80, 150])
def test_figures_stand_with_their_units(width: int) -> None:
    page = "\n".join(texts(screen(events()), width, 24))
    for text in (
        "-7.3 dBFS", "clipped  2.10 %", "overruns    3", "cable, speed 23", "SNR  41.2 dB",
        "clock  +12.3 ppm", "48 kHz, stereo, USB Audio", "2 h 05 min heard", "0 Hz", "10 kHz",
        "-110 to -10 dBFS", "25 %", "50 of 200 packets", "photo.png", "11:59:00", "24.1 kB",
        "31.2 dB", "by ann", "song.flac", "11:59:55  warning  3 overruns", "12:00:00 UTC",
        "1 file received", "receiving",
    ):  # fmt: skip
        assert text in page
    assert "/inbox" not in page


FIGURES = {
    "clip": "clipped  2.10 %", "  over": "overruns    3", "mean": "mean  -19.3 dBFS",
    "SNR": "SNR  41.2 dB", "clock": "clock  +12.3 ppm", "level  -": "level  -13.0 dBFS",
    "blocks": "blocks failed    1 of 44",
}  # fmt: skip


@pytest.mark.parametrize("begin", FIGURES)
def test_a_figure_is_there_as_a_whole_or_not_at_all(begin: str) -> None:
    pages = ["\n".join(texts(screen(events()), width, 24)) for width in range(52, 160)]
    shown = [page for page in pages if begin in page]
    assert shown
    assert all(FIGURES[begin] in page for page in shown)


@pytest.mark.parametrize("size", [(80, 24), (150, 40)])
def test_nothing_moves_while_figures_change(size: tuple[int, int]) -> None:
    words = ("peak", "clipped", "overruns", "SNR", "clock", "dBFS", "ppm", "kHz", "transfers",
             "arrived", "log ", "packets", "photo", "received", "heard", "UTC")  # fmt: skip
    shown = screen(events())
    places = []
    for step, (peak, snr, have) in enumerate(((-7.3, 41.2, 3), (-123.4, None, 99), (0.0, -9, 200))):
        shown.clock = lambda step=step: 1000.0 + 10 * step
        shown.utc = lambda step=step: NOON + 3999 * step
        shown.take(
            [event for event in events(peak, snr) if event["type"] in ("level", "superframe")]
        )
        shown.take(
            [events()[4] | {"have": have, "state": "complete" if have == 200 else "arriving"}]
        )
        lines = texts(shown, *size)
        places.append([[line.find(word) for word in words] for line in lines])
    assert all(place == places[0] for place in places)


def test_a_name_cannot_steer_the_terminal() -> None:
    shown = screen(events(name=EVIL))
    evil = ("name", "reason", "file", "signed_by", "device", "note", "text", "state", "stage",
            "level", "profile", "waits_for")  # fmt: skip
    for kind in ("input", "level", "superframe", "transfer", "sending", "received", "log"):
        shown.take([{"type": kind, "input": EVIL} | dict.fromkeys(evil, EVIL)])
    for width, height in SIZES:
        for line in texts(shown, width, height):
            assert not [sign for sign in line if unicodedata.category(sign)[0] == "C"]
    assert "evil" in "".join(texts(shown, 80, 24))


_ODD = {"none": None, "nan": float("nan"), "text": "x", "list": [], "huge": 10**400, "low": -1e300}


@pytest.mark.parametrize("value", _ODD.values(), ids=_ODD)
def test_events_may_hold_anything(value: object) -> None:
    fields = {key for event in events() for key in event} - {"type", "input"}
    broken = [
        {"type": event["type"], "input": "a", **dict.fromkeys(fields, value)} for event in events()
    ]
    shown = screen(broken, [{}, {"type": "sending"}])
    assert len(texts(shown, 80, 24)) == 24


def test_a_plain_terminal_gets_ascii() -> None:
    shown = screen(events(), [{"type": "log", "text": "naïve – 写真"}], encoding="ascii")
    page = "\n".join(texts(shown, 80, 24))
    page.encode("ascii")
    assert "na?ve" in page
    assert "###" in page


def test_no_color_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> str:
        file = io.StringIO()
        console = Console(file=file, width=80, height=24, force_terminal=True,
                          color_system="standard")  # fmt: skip
        console.print(screen(events()).frame(), end="")
        return file.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    colors = [f"{kind}3{color}m" for kind in ("\x1b[", ";") for color in range(8)]
    assert any(color in drawn() for color in colors)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not any(color in drawn() for color in colors)
    assert "receiving" in drawn()


def test_it_draws_what_the_hub_tells_and_leaves_the_screen() -> None:
    hub, file = Hub(), Terminal()
    hub.tell("log", time=NOON, level="info", text="before it began", fields={})
    console = Console(file=file, width=80, height=24, force_terminal=True, _environ={})
    with View(hub, console):
        file.wait_for("before it began")
        assert hub.wants_spectra
        hub.tell("log", time=NOON, level="info", text="and afterwards", fields={})
        file.wait_for("and afterwards")
        console.width, console.height = 50, 12
        hub.tell("log", time=NOON, level="info", text="smaller", fields={})
        file.wait_for("smaller")
    assert file.getvalue().endswith("\x1b[?25h\x1b[?1049l")  # cursor and screen are back
    assert not hub.wants_spectra


def test_a_terminal_that_goes_away_ends_only_the_view() -> None:
    class Gone(io.StringIO):
        left = threading.Event()

        def write(self, text: str) -> int:
            if text:
                self.left.set()
                raise OSError(5, "Input/output error")
            return 0

    hub = Hub()
    console = Console(file=Gone(), width=80, height=24, force_terminal=True, _environ={})
    with View(hub, console):
        assert Gone.left.wait(20)
        hub.tell("log", time=NOON, level="info", text="still here", fields={})
    assert not hub.wants_spectra


def test_rows_belong_to_what_goes_on() -> None:
    slots = Slots()
    assert slots.assign({"a": False, "b": False}, 3) == ["a", "b", None]
    # What changed last comes last; nothing moves for that.
    assert slots.assign({"b": False, "a": False}, 3) == ["a", "b", None]
    assert slots.assign({"b": False, "a": True, "c": False}, 3) == ["a", "b", "c"]
    assert slots.assign({"b": False, "a": True, "c": False, "d": False}, 3) == ["d", "b", "c"]
    assert slots.assign(dict.fromkeys("bcde", False), 3) == ["d", "b", "c"]
    assert slots.assign({"b": True, "c": False, "d": False, "e": False}, 2) == ["d", "c"]


def test_plans_fit_the_terminal() -> None:
    for width, height, inputs in itertools.product(range(1, 160, 7), range(1, 60), (0, 1, 3, 9)):
        layout = plan(width, height, inputs)
        below = layout.transfers + (0 if layout.side_by_side else layout.arrivals) + layout.log
        heads = 0 if not layout.headings else 3 if layout.side_by_side else 4
        used = 1 + layout.inputs * layout.detail + below + heads * (1 + layout.gaps)
        assert used == height


def test_bars_and_columns() -> None:
    assert bar(0.5, 4, BLOCKS) == "██··"
    assert bar(1 / 16, 4, BLOCKS) == "▎···"
    assert bar(9.0, 2, BLOCKS) == "██"
    assert columns([0.0, 0.5, 1.0, 0.75], 2, BLOCKS) == ["  █▄", " ███"]
    assert spread([1, 5, 2, 3], 2) == [5, 3]
    assert spread([1, 2], 4) == [1, 1, 2, 2]
    assert spread([], 4) == []


def test_figures_keep_their_width() -> None:
    assert figure(-7.34, 6) == "  -7.3"
    assert figure(12.0, 6, sign="+") == " +12.0"
    assert figure(None, 6) == figure(float("nan"), 6) == "     -"
    assert all(len(figure(value, 6)) == 6 for value in (1e9, -1e9, 123456.7, -99999))
    assert [span(s) for s in (0, 59.9, 60, 7500, 1e6)] == [
        "0 s", "59 s", "1 min", "2 h 05 min", "11 d 13 h",
    ]  # fmt: skip


def test_harmless_text_keeps_what_is_written() -> None:
    assert harmless("Grüße, 写真 \U0001f600.png") == "Grüße, 写真 \U0001f600.png"
    assert harmless("a\x1bb\u202ec\nd\udcffe") == "a?b?c?d?e"
    assert harmless("é", "ascii") == "?"
    assert len(harmless("x" * 10**6)) < 1000
