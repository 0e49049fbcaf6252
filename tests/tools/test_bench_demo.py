"""The benchmark's figures add up, and the demo shows what it promises."""

import math
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from dialtone import bench, benchtable, peers
from dialtone.output import Output

import modem


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.found.update(value for name, value in attrs if name in ("src", "href"))


@pytest.fixture(autouse=True)
def no_other_modems(monkeypatch):
    monkeypatch.setattr(peers, "find", lambda: ([], []))


def by_name(*names):
    return tuple(case for case in bench.CASES if case.name in names)


def test_every_case_reads_and_fits_its_profile():
    from modem import channel

    for case in bench.CASES:
        assert case.profile in {*modem.profiles, "air"}
        assert str(channel.parse(case.channel)) == case.channel
        assert case.limit_bps is None or case.limit_bps > 10_000


def test_profiles_that_are_missing_are_left_out(dialtone, monkeypatch):
    monkeypatch.setattr(bench, "CASES", (bench.Case("nowhere", "", "awgn=9", None),))
    answer = dialtone("bench", "--json")
    assert answer.code == 0
    assert [event for event in answer.events if event["event"] == "measured"] == []


@pytest.mark.parametrize(
    ("snr_db", "limit_bps"), [(20, 153e3), (30, 229e3), (40, 305e3), (60, 456e3)]
)
def test_limit_of_white_noise_is_shannon_s(snr_db, limit_bps):
    """The noise fills 0-24 kHz and the signal 0.2-22.9 kHz, all of its power in there."""
    band_hz = 22_900 - 200
    in_band = 10 ** (snr_db / 10) * 24_000 / band_hz
    (case,) = by_name(f"SNR {snr_db} dB")
    assert case.limit_bps == limit_bps
    assert limit_bps == pytest.approx(band_hz * math.log2(1 + in_band), rel=0.02)


def test_limit_of_two_sides_at_192_khz():
    (case,) = (case for case in bench.CASES if case.profile == "stereo192")
    assert case.limit_bps == pytest.approx(2 * 96_000 * math.log2(1 + 1e5), rel=0.01)


def test_payload_grows_with_the_rate(dialtone, monkeypatch):
    case = bench.Case("stereo", "30 dB", "awgn=30,crosstalk=-30", 5e5, times=3)
    monkeypatch.setattr(bench, "CASES", (case,))
    answer = dialtone("bench", "--quick", "--payload-kib", 2, "--json")
    row = answer.event("measured")
    assert (row["bytes"], row["exact"]) == (3 * 2048, True)
    assert row["delivered_bps"] == pytest.approx(8 * 3 * 2048 / row["air_seconds"])


def test_rates_above_a_megabit_are_legible():
    assert [benchtable._kbps(bps) for bps in (0.0, 9_530.0, 99_999.0, 2_534_000.0)] == [
        "-", "9.53", "100", "2534"
    ]  # fmt: skip


def test_table_of_all_channels_is_100_columns_wide(capsys):
    measured = []
    for case in bench.CASES:
        speed = modem.profiles[case.profile].speeds[-1]
        bps = 0.69 * (case.limit_bps or 0.0)
        row = bench.Row(case, speed, "default, best", True, bps, 50.4, 1.0, 1.0, 2.54)
        beside = [peers.PeerRow(name, None, 0, 1.0, 70_800.0) for name in ("amodem", "minimodem")]
        measured.append(bench.Measured(case, [row], beside))
    benchtable.print_summary(measured, Output())
    lines = capsys.readouterr().err.splitlines()
    assert any("69% of 3200" in line and " 2.5 " in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_quick_bench(dialtone, monkeypatch):
    monkeypatch.setattr(bench, "CASES", by_name("G.711, -45 dBFS", "MP3 128 kbit/s"))
    answer = dialtone("bench", "--quick", "--payload-kib", 2, "--seed", 5, "--json")
    assert answer.code == 0
    rows = [event for event in answer.events if event["event"] == "measured"]
    assert [row["profile"] for row in rows] == ["phone", "mp3"]
    for row in rows:
        assert row["exact"] is True
        assert row["delivered_bps"] == pytest.approx(8 * 2048 / row["air_seconds"])
        assert row["share_of_limit"] == pytest.approx(
            row["delivered_bps"] / row["limit_bps"], rel=1e-4
        )
        assert row["times_real_time_receiving"] > 0


def test_best_speed_is_found_below_a_default_that_fails(dialtone, monkeypatch):
    case = bench.Case("cable", "12 dB", "awgn=12", 1e5)
    monkeypatch.setattr(bench, "CASES", (case,))
    answer = dialtone("bench", "--payload-kib", 4, "--json")
    default, best = (event for event in answer.events if event["event"] == "measured")
    assert (default["note"], default["exact"], default["delivered_bps"]) == ("default", False, 0)
    assert (best["note"], best["exact"]) == ("best", True)
    assert best["snr_needed_db"] < 13
    assert best["limit_bps"] == 1e5


def test_no_limit_no_share(dialtone, monkeypatch):
    monkeypatch.setattr(bench, "CASES", (bench.Case("cable", "30 dB", "awgn=30", None),))
    answer = dialtone("bench", "--quick", "--payload-kib", 1, "--json")
    row = answer.event("measured")
    assert (row["limit_bps"], row["share_of_limit"]) == (None, None)


def test_full_bench_lists_every_speed(dialtone, monkeypatch):
    import modem

    cable = modem.profiles["cable"]
    short = replace(cable, speeds=cable.speeds[:6], default_speed=2)  # as good as all 54
    monkeypatch.setitem(modem.profiles, "cable", short)
    monkeypatch.setattr(bench, "CASES", (bench.Case("cable", "26 dB", "awgn=26", None),))
    answer = dialtone("bench", "--full", "--payload-kib", 1)
    for speed in short.speeds:
        assert f"{speed.number} {speed.name}" in answer.err
    assert max(map(len, answer.err.splitlines())) <= 100


def test_bench_for_people_is_a_table(dialtone, monkeypatch):
    monkeypatch.setattr(bench, "CASES", by_name("MP3 128 kbit/s"))
    answer = dialtone("bench", "--quick", "--payload-kib", 2)
    assert (answer.code, answer.out) == (0, "")
    assert "of the limit" in answer.err
    assert "MP3 128 kbit/s" in answer.err


def test_demo(dialtone, tmp_path):
    folder = tmp_path / "demo"
    answer = dialtone("demo", "-d", folder, "--json")
    assert answer.code == 0
    received = [event for event in answer.events if event["event"] == "received"]
    assert [event["profile"] for event in received] == ["phone", "mp3"]
    assert all(event["exact"] for event in received)
    photo = (folder / "photo.png").read_bytes()
    for way in ("phone", "mp3"):
        assert (folder / f"received-{way}.png").read_bytes() == photo
    assert (folder / "summary.png").stat().st_size > 10_000

    page = (folder / "index.html").read_text()
    assert "$" not in page
    links = Links()
    links.feed(page)
    assert {"photo.png", "call.wav", "photo.mp3", "report-phone.png"} <= links.found
    assert all((folder / link).is_file() for link in links.found)
