"""Pages in a browser, what must not happen in them, and what they are shown."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dialtone.listening.station import Station
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run",
]  # fmt: skip
PATIENCE_MS = 30_000
RATE = 48000
SIZES = {"phone": (360, 740), "tablet": (800, 900), "laptop": (1280, 720), "desktop": (1440, 900)}
# Collects what shifts without anybody's doing (Layout Instability API).
SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# Collects what is scheduled to be heard, and when.
HEARD = """
window.heard = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when) {
  const channels = [...Array(this.buffer.numberOfChannels).keys()];
  window.heard.push({
    when, rate: this.context.sampleRate,
    samples: channels.map((channel) => [...this.buffer.getChannelData(channel)]),
  });
  return start.call(this, when);
};
"""
# Texts whose colour stands out too little from what is behind them (WCAG 2.2, 1.4.3).
CONTRAST = """
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => {
    const part = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest(":disabled, .hidden")) continue;
    const pair = [rgba(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) faint.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return faint;
}
"""
# Controls that a screen reader would have no name for.
NAMELESS = """
() => [...document.querySelectorAll("button, a[href], input, select, canvas, progress, [tabindex]")]
  .filter((element) => element.checkVisibility())
  .filter((element) => !(element.ariaLabel || element.getAttribute("aria-labelledby")
    || element.labels?.length || element.textContent.trim()))
  .map((element) => element.outerHTML)
"""
# Figures that have no room for themselves and their unit, names that have none, and what cannot be
# reached without moving the page aside.
CLIPPED = """
() => {
  const figures = ".number, .figures dd, .levels b, .under .number, #microphone-level";
  const cut = [...document.querySelectorAll(figures)]
    .filter((element) => element.checkVisibility() && element.scrollWidth > element.clientWidth)
    .filter((element) => getComputedStyle(element).display !== "inline");
  const names = [...document.querySelectorAll("td.name label span")]
    .filter((element) => element.clientWidth < 40);
  const aside = [...document.querySelectorAll("nav a, .figures dd, #inputs td")]
    .filter((element) => element.checkVisibility())
    .filter((element) => element.getBoundingClientRect().right > innerWidth);
  return [...cut, ...names, ...aside].map((element) => element.textContent);
}
"""


expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def launched(playwright: Playwright, *more: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(
        executable_path="/usr/bin/chromium", args=[*ARGUMENTS, *more]
    )
    yield browser
    browser.close()


class Pages:
    """Opens pages, and collects what must not happen in them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []

    def open(self, browser: Browser, url: str, script: str = SHIFTS, **options: Any) -> Page:
        context = self._stack.enter_context(closing(browser.new_context(**options)))
        context.add_init_script(script)
        page = context.new_page()
        home = re.sub(r"\?.*", "", url)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url, home))
        page.on("websocket", lambda socket: self._asked(socket.url.replace("ws", "http", 1), home))
        page.goto(url)
        expect(page.locator("#connection")).to_have_text("Connected")
        return page

    def close(self) -> None:
        """Close all of them."""
        self._stack.close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, url: str, home: str) -> None:
        if not url.startswith((home, "blob:" + home)):
            self.elsewhere.append(url)


@contextmanager
def closing(context: Any) -> Iterator[Any]:
    yield context
    context.close()


def tell(station: Station) -> None:
    """Something of every kind."""
    hub = station.hub
    for state, name in (("open", "line in"), ("lost", "a device with a very long name indeed")):
        hub.tell("input", input=name, device=name, rate=RATE, channels=2, state=state, note="gone")
    hub.tell(
        "level", input="line in", peak_dbfs=0.0, rms_dbfs=-12.0, clipped=0.02, overruns=3,
        seconds=4.0, waits_for="receiving",
    )  # fmt: skip
    hub.tell(
        "superframe", input="line in", profile="stereo192", speed=56, number=123456, snr_db=-10.5,
        evm_db=-46.6, level_dbfs=-17.9, clock_ppm=-1234.5, blocks=120, blocks_failed=120,
        packets=1234, carrier_hz=[1000.0, 2000.0], carrier_snr_db=[1.0, None],
        constellation=[[0.7, 0.7]],
    )  # fmt: skip
    for number, state in enumerate(("arriving", "locked", "complete", "refused")):
        hub.tell(
            "transfer", transfer=f"0000000{number}", name="long name " * 9, bytes=10, have=5,
            needed=10, exact=False, state=state, input="line in", snr_db=3.0, reason="why",
            picture=0,
        )  # fmt: skip
    for level in ("info", "warning", "error"):
        hub.tell("log", time=0.0, level=level, text="something happened", fields={})
    hub.tell(
        "sending", id="a", file="long name " * 9, stage="failed", seconds=1.0, total_seconds=2.0,
        level_dbfs=None, reason="the device is gone", made=True,
    )  # fmt: skip
    hub.tell(
        "sending", id="b", file="photo.png", stage="playing", seconds=800.0, total_seconds=4000.5,
        level_dbfs=-3.0, reason=None, made=True, bytes=123456, profile="stereo192", speed=56,
    )  # fmt: skip
