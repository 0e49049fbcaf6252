"""A monitor to ask, and how a page asks it."""

import hashlib
import http.client
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from dialtone.listening.hub import Hub
from dialtone.listening.journal import Journal
from dialtone.listening.station import Inputs, Station
from dialtone.monitor.server import Server
from dialtone.opening import Opening, OpenOptions
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions
from PIL import Image
from websockets.sync.client import connect

SECRET = "correct horse"
DEADLINE_S = 20.0


class Client:
    """Asks a server as the page does: with the Host and Origin of its own address."""

    def __init__(self, server: Server, host: str = "127.0.0.1") -> None:
        port = int(re.search(r":(\d+)/", server.url)[1])
        self.host, self.port, self.url = host, port, server.url
        self.authority = f"{host}:{port}"
        self.origin = f"http://{self.authority}"

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE_S)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if method != "GET":
            names.setdefault("Origin", self.origin)
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data

    def json(self, path: str, method: str = "GET", **wanted: Any) -> Any:
        status, _, data = self.ask(path, method, json.dumps(wanted) if method != "GET" else None)
        assert status < 300, data
        return json.loads(data)

    def live(self, path: str = "/live", **options: Any) -> Any:
        options.setdefault("origin", self.origin)
        return connect(f"ws://{self.authority}{path}", **options)


def until(what: Callable[[], Any]) -> Any:
    """Ask again and again until the answer is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


@contextmanager
def listening(folder: Path, inputs: Inputs | None = None) -> Iterator[Station]:
    """A station on `folder/inbox` that has the passphrase, and such inputs."""
    key = folder / "key.txt"
    key.write_text(SECRET)
    out = Output()
    opening = Opening(OpenOptions(PassphraseOptions(key)), out)
    station = Station(
        folder / "inbox", opening, Journal(out, Hub(), True), inputs or Inputs(), 86400.0
    )
    station.start()
    try:
        yield station
    finally:
        station.stop()


@contextmanager
def serving(
    station: Station, host: str = "127.0.0.1", token: str | None = None
) -> Iterator[Server]:
    """A monitor on a free port."""
    server = Server(station, host, 0, token)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def arrive(
    station: Station, name: str, data: bytes, folder: str = "20261121T144500Z_1a2b3c4d"
) -> Path:
    """Put something into the inbox as the daemon would."""
    place = station.folder / folder
    place.mkdir(parents=True)
    (place / name).write_bytes(data)
    receipt = {"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (place / "receipt.json").write_text(json.dumps(receipt))
    return place


def picture(form: str = "PNG", side: int = 900) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 255, (side, side // 2, 3), np.uint8)
    Image.fromarray(pixels).save(out, form)
    return out.getvalue()
