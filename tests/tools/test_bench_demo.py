"""The benchmark's figures add up, and the demo shows what it promises."""

from html.parser import HTMLParser

import pytest
from dialtone import bench


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.found.update(value for name, value in attrs if name in ("src", "href"))


def test_every_case_reads_and_fits_its_profile():
    import modem
    from modem import channel

    for case in bench.CASES:
        assert case.profile in modem.profiles
        assert str(channel.parse(case.channel)) == case.channel
        assert case.limit_bps > 10_000


def test_quick_bench(dialtone, monkeypatch):
    monkeypatch.setattr(bench, "CASES", bench.CASES[1:3])
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


def test_bench_for_people_is_a_table(dialtone, monkeypatch):
    monkeypatch.setattr(bench, "CASES", bench.CASES[2:3])
    answer = dialtone("bench", "--quick", "--payload-kib", 2)
    assert (answer.code, answer.out) == (0, "")
    assert "of the limit" in answer.err
    assert "MP3 at 128 kbit/s" in answer.err


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
