"""The monitor page when things go wrong: what strangers send, a network that fails, months."""

import json
import re
import time
from typing import Any

import pytest
from dialtone.listening.station import Station
from dialtone.monitor import gallery
from dialtone.monitor.server import Server
from playwright.sync_api import Browser, expect

from ..tools.monitor_client import arrive
from .pages import RATE, Pages

# Networks that break off or fall silent, and hours that pass at once.
TROUBLE = """
window.sockets = [];
window.silent = false;
window.later = 0;
const now = performance.now.bind(performance);
performance.now = () => now() + window.later;
window.WebSocket = class extends WebSocket {
  constructor(...what) {
    super(...what);
    window.sockets.push(this);
  }
  set onmessage(take) {
    super.onmessage = take && ((message) => window.silent || take(message));
  }
};
"""
# Days that pass at once, and nobody who waits for a minute.
AGEING = """
window.days = 0;
const [RealDate, repeat] = [Date, setInterval];
Date = class extends RealDate {
  constructor(...what) {
    super(...(what.length ? what : [RealDate.now() + window.days * 86400e3]));
  }
};
setInterval = (work, ms) => repeat(work, Math.min(ms, 100));
"""
TRANSFER = {
    "transfer": "1a2b3c4d", "name": "sea.webp", "bytes": 1000, "have": 3, "needed": 10,
    "exact": True, "state": "arriving", "input": "line in", "snr_db": 20.0, "reason": None,
    "picture": 0,
}  # fmt: skip


def test_a_network_that_is_gone_is_said(pages: Pages, browser: Browser, server: Server) -> None:
    """Nothing comes any more, and nothing closes the connection either."""
    page = pages.open(browser, server.url, TROUBLE)
    page.evaluate("window.silent = true; window.later = 20000")
    expect(page.locator("#connection")).to_have_text("Away, trying again")
    page.evaluate("window.silent = false")
    expect(page.locator("#connection")).to_have_text("Connected")


def test_what_was_chosen_stays_chosen(
    pages: Pages, browser: Browser, server: Server, station: Station
) -> None:
    """When the connection breaks off and comes back."""
    page = pages.open(browser, server.url, TROUBLE)
    for name in ("telephone", "line in", "radio"):
        about = {"device": name, "rate": RATE, "channels": 1, "state": "open", "note": ""}
        station.hub.tell("input", input=name, **about)
    chosen = page.locator("#inputs [value='line in']")
    chosen.check()
    page.select_option("#profile", "cable")
    page.select_option("#speed", "3")
    page.evaluate("document.querySelector('#speed option').dataset.before = ''")
    page.evaluate("window.sockets[0].close()")
    expect(page.locator("#speed [data-before]")).to_have_count(0)  # all was asked for anew
    expect(page.locator("#speed")).to_have_value("3")
    expect(chosen).to_be_checked()
    expect(page.locator("#signal-of")).to_have_text("line in")
    page.select_option("#profile", "phone")
    expect(page.locator("#speed")).to_have_value("default")


def test_what_cannot_be_drawn_is_no_error(
    pages: Pages, browser: Browser, server: Server, station: Station
) -> None:
    arrive(station, "damaged.png", b"no picture")
    taken = arrive(station, "taken.jpg", b"", "20261121T144500Z_00000002") / "taken.jpg"
    taken.unlink()
    page = pages.open(browser, server.url)
    expect(page.locator("#gallery .kind")).to_have_text(["PNG", "JPG"])
    with page.expect_response("**/partial*") as answer:
        station.hub.tell("transfer", **TRANSFER | {"picture": 1})
    assert answer.value.status == 204
    expect(page.locator("#gallery .arriving")).to_contain_text("Unverified, 30 %")


def test_times_that_no_calendar_has(
    pages: Pages, browser: Browser, server: Server, station: Station
) -> None:
    """A sender may sign with any."""
    place = arrive(station, "a.txt", b"a")
    receipt = json.loads((place / "receipt.json").read_text())
    times = {"received_at": 1.8e9, "signed_at": 2**63, "expires": 2**64 - 1}
    (place / "receipt.json").write_text(json.dumps(receipt | times))
    page = pages.open(browser, server.url)
    page.locator("#gallery button").click()
    expect(page.get_by_role("dialog")).to_contain_text("a time no calendar has")


def test_an_inbox_of_months_is_listed_as_far_as_it_goes(
    pages: Pages,
    browser: Browser,
    server: Server,
    station: Station,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery, "_LISTED_MAX", 30)
    for number in range(31):
        arrive(station, "a.txt", b"a", f"20261121T144500Z_{number:08x}")
    page = pages.open(browser, server.url)
    note, more = page.locator("#inbox-note"), page.get_by_role("button", name="Show more")
    expect(note).to_have_text("31 files")
    more.click()
    expect(note).to_have_text("the newest 30 of 31 files")
    expect(page.locator("#gallery button")).to_have_count(30)
    expect(more).to_be_hidden()


def test_today_becomes_a_date(
    pages: Pages, browser: Browser, server: Server, station: Station
) -> None:
    place = arrive(station, "a.txt", b"a")
    receipt = json.loads((place / "receipt.json").read_text())
    now = time.time()
    (place / "receipt.json").write_text(json.dumps(receipt | {"received_at": now}))
    station.hub.tell("log", time=now, level="info", text="something happened", fields={})
    page = pages.open(browser, server.url, AGEING)
    told = page.locator("#log-list time").last, page.locator("#gallery time")
    expect(told[0]).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    expect(told[1]).to_have_text(re.compile(r"^today \d\d:\d\d:\d\d$"))
    page.evaluate("window.days = 2")
    for each in told:
        expect(each).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))


def test_a_transfer_of_which_nothing_comes_is_incomplete(
    pages: Pages, browser: Browser, server: Server, station: Station
) -> None:
    page = pages.open(browser, server.url, TROUBLE)
    station.hub.tell("transfer", **TRANSFER)
    badge, note = page.locator("#transfer-list .badge"), page.locator("#transfers-note")
    expect(badge).to_have_text("Arriving")
    expect(note).to_have_text("1 arriving")
    page.evaluate("window.later = 14000")
    station.hub.tell("log", time=0.0, level="info", text="something happened", fields={})
    expect(page.locator("#log-list")).to_contain_text("something happened")
    page.evaluate("window.later = 28000")
    expect(badge).to_have_text("Incomplete")
    expect(note).to_have_text("")
    station.hub.tell("transfer", **TRANSFER | {"have": 4})
    expect(badge).to_have_text("Arriving")


def test_pictures_that_never_end_are_bounded(
    pages: Pages, browser: Browser, server: Server, station: Station
) -> None:
    page = pages.open(browser, server.url)
    for number in range(30):
        about: dict[str, Any] = {"transfer": f"{number:08x}", "name": f"{number}.webp"}
        station.hub.tell("transfer", **TRANSFER | about | {"picture": 1})
    expect(page.locator("#transfer-list .item")).to_have_count(30)
    expect(page.locator("#gallery .arriving")).to_have_count(24)
    expect(page.locator("#gallery .arriving").last).to_contain_text("29.webp")


def test_what_is_refused_keeps_its_name(
    pages: Pages, browser: Browser, server: Server, station: Station
) -> None:
    page = pages.open(browser, server.url)
    station.hub.tell("transfer", **TRANSFER)
    item = page.locator("#transfer-list .item")
    expect(item).to_contain_text("Arriving")
    refused = {"name": None, "bytes": None, "state": "refused", "reason": "it is damaged"}
    station.hub.tell("transfer", **TRANSFER | refused)
    expect(item).to_contain_text("Refused")
    expect(item).to_contain_text("sea.webp")
