"""Makes the pictures of the monitor page: tools/dialtone/monitor/*.png.

    python tools/monitor_screenshots.py                  make them all anew
    python tools/monitor_screenshots.py --folder OUT     somewhere else

Everything on them is real: files arrive through simulated channels, a transmission is heard in
real time while the pictures are taken. It needs playwright and /usr/bin/chromium.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from dialtone import kernels, locking
from dialtone.keystore import Keystore
from dialtone.listening.arrivals import arrivals
from dialtone.listening.hub import Hub
from dialtone.listening.journal import Journal
from dialtone.listening.station import Inputs, Station
from dialtone.locking import Sealing
from dialtone.monitor.server import Server
from dialtone.opening import Opening, OpenOptions
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions
from dialtone.pictures import fitted_payload
from dialtone.pipeline import Payload, Sending, planned_air_seconds
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import modem
from framing.identity import Identity
from modem import channel

HERE = Path(__file__).parent
FOLDER = HERE / "dialtone" / "monitor"
PHOTO = HERE / "dialtone" / "data" / "photo.png"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SECRET = "correct horse"
DEVICE = "Scarlett 2i2 USB"
RATE = 48000
PIECE_S = 0.1
LINE = "echo=0.25ms/-13,gain=-5,skew=23"
SPEED = 3  # of what arrives while the pictures are taken
HEARD_S = 15.0  # of it, by then
COLOURS = 256  # of a picture in the repository
WAIT_S = 60.0

Samples = NDArray[np.float32]
# Name: width, height, colours, and what is done before the picture is taken.
VIEWS: dict[str, tuple[int, int, str, Callable[[Page], None]]] = {}


def view(name: str, width: int, height: int, scheme: str) -> Callable[..., Any]:
    """Register what leads to a picture."""

    def register(prepare: Callable[[Page], None]) -> Callable[[Page], None]:
        VIEWS[name] = (width, height, scheme, prepare)
        return prepare

    return register


@view("page-dark", 1440, 1500, "dark")
@view("page-light", 1440, 1500, "light")
def _(page: Page) -> None:
    page.locator("#band [value=signal]").check(force=True)


@view("phone-light", 360, 740, "light")
@view("phone-dark", 360, 740, "dark")
def _(page: Page) -> None:
    page.locator("#band [value=signal]").check(force=True)


@view("phone-inbox", 360, 740, "dark")
def _(page: Page) -> None:
    page.locator("#transfers").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#transfers').scrollIntoView()")


@view("receipt", 1100, 820, "light")
def _(page: Page) -> None:
    page.locator("#gallery button").first.click()


@view("empty", 1440, 900, "light")
def _(page: Page) -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    folder: Path = parser.parse_args().folder
    kernels.prepare()
    with tempfile.TemporaryDirectory(prefix="dialtone-") as name, ExitStack() as stack:
        place = Path(name)
        os.environ["DIALTONE_HOME"] = str(place / "home")
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS
        )
        stack.callback(browser.close)
        with _served(place / "nothing") as (_, server):
            page = _opened(browser.new_page, server, "empty")
            images = {"empty": _shot(page, "empty")}
        ann = Identity.new()
        Keystore().add_contact("ann", ann.public)
        Keystore().add_contact("harbour-office", Identity.new().public)
        station, server = stack.enter_context(_served(place / "inbox"))
        _fill(station, ann)
        names = [each for each in VIEWS if each != "empty"]
        pages = [_opened(browser.new_page, server, each) for each in names]
        with _heard(station, ann):
            for each, page in zip(names, pages, strict=True):
                images[each] = _shot(page, each)
    for each, image in images.items():
        reduced = image.quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE)
        reduced.save(folder / f"{each}.png", optimize=True)


def _opened(new_page: Callable[..., Page], server: Server, name: str) -> Page:
    width, height, scheme, _ = VIEWS[name]
    page = new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(server.url)
    return page


def _shot(page: Page, name: str) -> Image.Image:
    page.bring_to_front()
    VIEWS[name][3](page)
    page.wait_for_timeout(300)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return image


@contextmanager
def _served(folder: Path) -> Iterator[tuple[Station, Server]]:
    key = folder.parent / "key.txt"
    key.write_text(SECRET)
    out = Output()
    opening = Opening(OpenOptions(PassphraseOptions(key)), out)
    journal = Journal(out, Hub(), silent=True)
    station = Station(folder, opening, journal, Inputs(), keep_s=86400.0)
    station.start()
    server = Server(station, "127.0.0.1", 0, None)
    server.start()
    try:
        yield station, server
    finally:
        server.stop()
        station.stop()


def _sealing(signer: Identity | None) -> Sealing:
    sealing = locking.with_passphrase(SECRET)
    return Sealing(sealing.key, sealing.said, signer=signer)


def _sound(payload: Payload, speed: int, sealing: Sealing, spec: str) -> Samples:
    """A transmission over `cable` as it is heard behind a channel."""
    profile = modem.profiles["cable"]
    with closing(Sending(payload, profile, profile.speeds[speed - 1], sealing)) as sending:
        samples = np.concatenate(list(sending.samples()))
    quiet = np.zeros(RATE // 2, np.float32)
    heard, _ = channel.parse(spec, 1).apply(np.concatenate((quiet, samples, quiet)), RATE)
    return heard


def _fitted(path: Path, seconds: float, speed: int, sealing: Sealing) -> Payload:
    profile = modem.profiles["cable"]
    air_seconds = partial(
        planned_air_seconds, profile=profile, speed=profile.speeds[speed - 1], sealing=sealing,
        repair=None, repeat=1,
    )  # fmt: skip
    return fitted_payload(path, seconds, air_seconds)


def _fill(station: Station, ann: Identity) -> None:
    """Some files arrive."""
    photo = Image.open(PHOTO).convert("RGB")
    wide, high = photo.size
    cuts = {
        "wall.webp": (0, high // 2, wide // 2, high),
        "hibiscus.jpg": (wide // 2, 0, wide, high * 2 // 3),
        "shutters.jpg": (0, 0, wide // 2, high),
        "leaves.webp": (wide * 2 // 3, 0, wide, high // 2),
        "window.avif": (0, 0, wide * 2 // 3, high * 3 // 4),
        "red-flower.jpg": (wide // 2, high // 2, wide, high),
    }
    files = {
        "notes.txt": (HERE / "dialtone" / "data" / "photo.txt").read_bytes(),
        "report.pdf": b"%PDF-1.7\n" + np.random.default_rng(1).bytes(31000),
    }
    for name, box in cuts.items():
        out = io.BytesIO()
        photo.crop(box).save(out, Image.registered_extensions()[Path(name).suffix], quality=70)
        files[name] = out.getvalue()
    stream = station.open_stream(DEVICE, RATE)
    for number, (name, data) in enumerate(files.items()):
        payload = Payload(io.BytesIO(data), name, len(data))
        sealing = _sealing(ann if number % 2 else None)
        samples = _sound(payload, 30, sealing, f"{LINE},awgn=45")
        stream.write(samples[:, np.newaxis])
        deadline = time.monotonic() + WAIT_S
        while len(arrivals(station.folder)) <= number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not arrive")
            time.sleep(0.05)
    stream.close()


@contextmanager
def _heard(station: Station, ann: Identity) -> Iterator[None]:
    """A long transmission and a quiet telephone line, in real time."""
    sealing = _sealing(ann)
    payload = _fitted(PHOTO, 60.0, SPEED, sealing)
    photo = _sound(payload, SPEED, sealing, f"{LINE},awgn=27")
    rng = np.random.default_rng(2)
    hum = 0.003 * np.sin(np.pi / 80 * np.arange(8000 * 60)) + rng.normal(0, 1e-3, 8000 * 60)
    over = threading.Event()

    def play(name: str, samples: Samples, rate: int) -> None:
        stream = station.open_stream(name, rate)
        start, piece = time.monotonic(), round(PIECE_S * rate)
        for at in range(0, len(samples), piece):
            if over.wait(max(start + at / rate - time.monotonic(), 0)):
                break
            stream.write(samples[at : at + piece, np.newaxis])
        stream.close()

    lines = ((DEVICE, photo, RATE), ("telephone", hum.astype(np.float32), 8000))
    threads = [threading.Thread(target=play, args=line) for line in lines]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    try:
        time.sleep(HEARD_S)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
