"""The monitor page in a browser: what an operator sees, sends and receives with it."""

import io
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from dialtone.__main__ import run
from dialtone.keystore import Keystore
from dialtone.listening.station import Inputs, Station
from dialtone.monitor.server import Server
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Playwright, expect

from framing.identity import Identity

from ..tools.monitor_client import SECRET, Client, listening, serving, until
from .pages import CLIPPED, CONTRAST, HEARD, NAMELESS, RATE, SIZES, Pages, closing, launched, tell

PHOTO = Path(__file__).parents[2] / "tools" / "dialtone" / "data" / "photo.png"
PIECE = RATE // 10
PASSES = 20

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV of a photo, signed by ann, under the passphrase, and the photo as it was sent."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "key.txt").write_text(SECRET)
    (folder / "ann.txt").write_text("ann's secret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALTONE_HOME", str(folder / "ann"))
        Keystore().add_identity("me", Identity(b"a" * 32), "ann's secret")
        sign = ("--sign", "--identity-passphrase-file", str(folder / "ann.txt"))
        key = ("--passphrase-file", str(folder / "key.txt"), "-p", "cable", "-s", "8", *sign)
        wav = folder / "photo.wav"
        assert run(["send", str(PHOTO), "--fit", "4", *key, "-o", str(wav)]) == 0
        assert run(["receive", str(wav), *key[:2], "-d", str(folder)]) == 0
    return wav


def samples_of(path: Path) -> NDArray[np.float32]:
    """With quiet before and behind."""
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    quiet = np.zeros(RATE // 2, np.float32)
    noise = np.random.default_rng(5).normal(0, 1e-4, len(samples) + 2 * len(quiet))
    return np.concatenate((quiet, samples, quiet)) + noise.astype(np.float32)


def feed(stream: Any, samples: NDArray[np.float32]) -> None:
    for start in range(0, len(samples), PIECE):
        stream.write(samples[start : start + PIECE, np.newaxis])


def test_a_transfer_is_seen_as_it_comes(
    pages: Pages, browser: Browser, server: Server, station: Station, sound: Path
) -> None:
    Keystore().add_contact("ann", Identity(b"a" * 32).public)
    page = pages.open(browser, server.url)
    expect(page.get_by_text("The inbox is empty.")).to_be_visible()
    samples = samples_of(sound)
    stream = station.open_stream("line in", RATE)
    half = round(0.6 * len(samples))
    feed(stream, samples[:half])
    row = page.locator("#inputs tr", has_text="line in")
    expect(row).to_contain_text("48 kHz, mono")
    expect(row).to_contain_text(re.compile(r"SNR|\d\d\.\d dB"))
    item = page.locator("#transfer-list .item")
    expect(item).to_contain_text("Arriving")
    expect(item).to_contain_text(re.compile(r"[1-9]\d* of (about )?\d+ packets"))
    expect(item).to_contain_text(re.compile(r"[1-9]\d? %"))
    expect(page.locator("#figures")).to_contain_text(re.compile(r"\d\d\.\d dB"))
    expect(page.locator("#figures")).to_contain_text("cable 8")
    feed(stream, samples[half:])
    stream.close()
    expect(item).to_contain_text("Complete")
    expect(item).to_contain_text("100 %")
    card = page.locator("#gallery button")
    expect(card).to_contain_text("from ann")
    picture = card.locator("img")
    until(lambda: picture.evaluate("(image) => image.complete && image.naturalWidth") > 100)
    card.click()
    (arrival,) = Client(server).json("/api/arrivals")["arrivals"]
    receipt = page.get_by_role("dialog")
    expect(receipt).to_contain_text(arrival["receipt"]["sha256"])
    expect(receipt).to_contain_text("Sender")
    with page.expect_download() as download:
        receipt.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == sound.with_suffix(".avif").read_bytes()
    receipt.get_by_role("button", name="Close").click()
    assert page.evaluate("window.shifts") < 0.1  # what Web Vitals calls good
    expect(page.locator("#log-list")).to_contain_text("line in")


def test_a_partial_picture_is_marked(
    pages: Pages,
    browser: Browser,
    server: Server,
    station: Station,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(station, "partial", lambda transfer: PHOTO.read_bytes())
    page = pages.open(browser, server.url)
    event = {
        "transfer": "1a2b3c4d", "name": "sea.webp", "bytes": 1000, "have": 3, "needed": 10,
        "exact": True, "state": "arriving", "input": "line in", "snr_db": 20.0, "reason": None,
    }  # fmt: skip
    station.hub.tell("transfer", **event, picture=1)
    card = page.locator("#gallery .arriving")
    expect(card).to_contain_text("Unverified, 30 %")
    expect(card.get_by_role("img", name="Unverified beginning of sea.webp")).to_be_visible()
    station.hub.tell(
        "transfer", **event | {"state": "refused", "reason": "it is damaged"}, picture=1
    )
    expect(card).to_have_count(0)
    expect(page.locator("#transfer-list")).to_contain_text("it is damaged")


def fill(page: Page, path: Path, way: str) -> None:
    page.set_input_files("#file", path)
    expect(page.locator("#profile option")).not_to_have_count(0)
    page.select_option("#profile", "cable")
    page.select_option("#protection", "passphrase")
    page.fill("#passphrase", SECRET)
    page.select_option("#way", way)


def arrived(server: Server, station: Station) -> bytes:
    (arrival,) = until(lambda: Client(server).json("/api/arrivals")["arrivals"])
    return (station.folder / arrival["place"] / arrival["name"]).read_bytes()


def test_what_the_page_downloads_is_the_file(
    pages: Pages, browser: Browser, server: Server, station: Station, tmp_path: Path
) -> None:
    page = pages.open(browser, server.url)
    fill(page, PHOTO, "file")
    with page.expect_download() as download:
        page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#passphrase")).to_have_value("")
    expect(page.locator("#sendings")).to_contain_text("of sound")
    path = tmp_path / "sent.wav"
    download.value.save_as(path)
    stream = station.open_stream("line in", RATE)
    samples = samples_of(path)
    for start in range(0, len(samples), 5 * RATE):
        feed(stream, samples[start : start + 5 * RATE])
        until(lambda: stream._frames == 0)
    stream.close()
    assert arrived(server, station) == PHOTO.read_bytes()


def test_what_the_browser_plays_is_the_sound(
    pages: Pages, browser: Browser, server: Server, tmp_path: Path
) -> None:
    page = pages.open(browser, server.url, HEARD)
    small = tmp_path / "small.bin"
    small.write_bytes(np.random.default_rng(1).bytes(20000))
    fill(page, small, "browser")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#sendings .badge")).to_have_text("Playing here")
    expect(page.locator("#sendings .badge")).to_have_text("Played")
    link = page.locator("#sendings a").get_attribute("href")
    wav = Client(server).ask(str(link).removeprefix(server.url.rstrip("/")))[2]
    sent, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    heard = page.evaluate("window.heard")
    frames = 0
    for piece in heard:
        assert piece["rate"] == rate
        assert round((piece["when"] - heard[0]["when"]) * rate) == frames
        frames += len(piece["samples"][0])
    joined = np.concatenate([piece["samples"][0] for piece in heard]).astype(np.float32)
    np.testing.assert_array_equal(joined, sent)


def test_a_sending_is_cancelled(pages: Pages, browser: Browser, server: Server) -> None:
    page = pages.open(browser, server.url)
    fill(page, PHOTO, "browser")
    page.select_option("#profile", "phone")
    page.get_by_role("button", name="Send", exact=True).click()
    badge = page.locator("#sendings .badge")
    expect(badge).to_have_text("Playing here")
    page.get_by_role("button", name="Cancel").click()
    expect(badge).to_have_text("Cancelled")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#sendings .item")).to_have_count(0)


def test_what_the_sound_card_plays_is_heard(
    sound_server: Any, pages: Pages, browser: Browser, tmp_path: Path
) -> None:
    data = np.random.default_rng(2).bytes(20000)
    (tmp_path / "small.bin").write_bytes(data)
    with listening(tmp_path, Inputs(("cable",))) as station, serving(station) as server:
        page = pages.open(browser, server.url)
        fill(page, tmp_path / "small.bin", "card")
        expect(page.locator("#device")).to_contain_text("cable")
        page.select_option("#device", label="cable")
        page.get_by_role("button", name="Send", exact=True).click()
        badge = page.locator("#sendings .badge")
        expect(badge).to_have_text("Playing")
        expect(badge).to_have_text("Played")
        expect(page.locator("#gallery button")).to_contain_text("small.bin")
        assert arrived(server, station) == data
        pages.close()


def test_the_microphone_of_a_browser_receives(
    pages: Pages,
    playwright: Playwright,
    server: Server,
    station: Station,
    sound: Path,
    tmp_path: Path,
) -> None:
    quiet = np.zeros(RATE, np.float32)
    # A busy browser drops pieces of what its microphone brings: then a later pass has them.
    passes = np.tile(samples_of(sound), PASSES)
    fake = tmp_path / "microphone.wav"
    soundfile.write(fake, np.concatenate((quiet, passes)), RATE, subtype="PCM_16")
    microphone = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with launched(
        playwright, *microphone, f"--use-file-for-fake-audio-capture={fake}%noloop"
    ) as browser:
        page = pages.open(browser, server.url)
        card = page.locator("#microphone")
        card.get_by_role("button", name="Start").click()
        expect(card).to_contain_text("Receiving as “browser 1”")
        expect(page.locator("#inputs")).to_contain_text("browser 1")
        expect(card.locator("output")).to_contain_text(re.compile(r"−\d+\.\d dBFS"))
        expect(page.locator("#gallery button")).to_have_count(1, timeout=1000 * PASSES * 5)
        card.get_by_role("button", name="Stop").click()
        expect(card).to_contain_text("Stopped.")
        expect(page.locator("#inputs")).to_contain_text("Ended")
        pages.close()
    (arrival,) = Client(server).json("/api/arrivals")["arrivals"]
    assert arrival["receipt"]["input"] == "browser 1"
    assert arrived(server, station) == sound.with_suffix(".avif").read_bytes()


def test_the_page_comes_back_with_the_daemon(
    browser: Browser, server: Server, station: Station
) -> None:
    """Its refused attempts stand in the console, as browsers have it."""
    with ExitStack() as stack:
        page = Pages(stack).open(browser, server.url)
        port = Client(server).port
        server.stop()
        expect(page.locator("#connection")).to_have_text("Away, trying again")
        again = Server(station, "127.0.0.1", port, None)
        again.start()
        stack.callback(again.stop)
        station.hub.tell("log", time=0.0, level="warning", text="back again", fields={})
        expect(page.locator("#connection")).to_have_text("Connected")
        expect(page.locator("#log-list")).to_contain_text("Warning: back again")


def test_the_token_opens_the_page_and_leaves_the_address(
    pages: Pages, browser: Browser, station: Station
) -> None:
    with serving(station, "127.0.0.2", "tok") as server:
        page = pages.open(browser, server.url)
        assert page.url == server.url.removesuffix("?token=tok")
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert page.evaluate("document.cookie") == ""
        page.reload()
        expect(page.locator("#connection")).to_have_text("Connected")
        stranger = browser.new_context().new_page()
        answer = stranger.goto(page.url)
        assert answer is not None
        assert answer.status == 401
        stranger.context.close()
        pages.close()


def test_another_site_reaches_nothing(browser: Browser, server: Server, station: Station) -> None:
    """A page of another address, in the same browser, asks as scripts can."""
    with serving(station, "127.0.0.2", "tok") as other, ExitStack() as stack:
        context = stack.enter_context(closing(browser.new_context(bypass_csp=True)))
        page = context.new_page()
        page.goto(other.url)
        tried = page.evaluate(
            """async (url) => {
              const asked = (...what) => fetch(...what).then(() => "in", () => "out");
              const socket = new Promise((resolve) => {
                const socket = new WebSocket(url.replace("http", "ws") + "live");
                socket.onopen = () => resolve("in");
                socket.onclose = () => resolve("out");
              });
              return [
                await asked(url + "api/arrivals"),
                await asked(url + "api/uploads", { method: "POST", body: "x" }),
                await socket,
              ];
            }""",
            server.url,
        )
    assert tried == ["out", "out", "out"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_size_and_colour_is_legible(
    pages: Pages, browser: Browser, server: Server, station: Station, scheme: Any, size: str
) -> None:
    width, height = SIZES[size]
    viewport: Any = {"width": width, "height": height}
    phone = size == "phone"
    options = {"viewport": viewport, "is_mobile": phone, "has_touch": phone}
    page = pages.open(browser, server.url, color_scheme=scheme, **options)
    expect(page.get_by_text("Take a photo")).to_be_visible(visible=phone)
    tell(station)
    expect(page.locator("#transfer-list .item")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(CLIPPED) == []
    other = "dark" if scheme == "light" else "light"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator(f"#theme [value={other}]").check(force=True)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    assert page.evaluate(CONTRAST) == []


def test_the_page_says_why_a_microphone_stays_closed(
    pages: Pages, browser: Browser, station: Station
) -> None:
    with serving(station, "127.0.0.2", "tok") as server:
        insecure = "Object.defineProperty(window, 'isSecureContext', { value: false });"
        page = pages.open(browser, server.url, insecure)
        expect(page.locator("#microphone")).to_contain_text("--monitor-cert")
        expect(page.locator("#microphone-button")).to_be_disabled()
        pages.close()
