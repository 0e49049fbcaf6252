"""Whom the monitor lets in, and what can be read through it."""

import http.client
import io
import json
import os
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dialtone.errors import Failure
from dialtone.listening.station import Station
from dialtone.monitor import server
from dialtone.monitor.access import Access, kept_token
from dialtone.monitor.server import Server
from PIL import Image
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from .monitor_client import DEADLINE_S, Client, arrive, listening, picture, serving

FOREIGN = "127.0.0.2"  # not the address that needs no token


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with listening(tmp_path) as station:
        yield station


@pytest.fixture
def client(station: Station) -> Iterator[Client]:
    with serving(station) as server:
        yield Client(server)


@pytest.fixture
def foreign(station: Station) -> Iterator[Client]:
    """A client of a server that others reach, too; it has no cookie yet."""
    with serving(station, FOREIGN, "tok") as server:
        yield Client(server, FOREIGN)


def test_a_page_for_others_needs_a_token(station: Station) -> None:
    with pytest.raises(Failure, match="without a token"):
        Server(station, "0.0.0.0", 0, None)


def test_a_port_that_is_taken_is_said(station: Station, client: Client) -> None:
    with pytest.raises(Failure, match=f":{client.port}: address already in use$"):
        Server(station, "127.0.0.1", client.port, None).start()


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/api/arrivals", "/api/contacts"])
@pytest.mark.parametrize(
    "cookie", [{}, {"Cookie": "dialtone-{port}=wrong"}, {"Cookie": "dialtone-{port}=\xff"}]
)
def test_nothing_is_there_without_the_token(
    foreign: Client, path: str, cookie: dict[str, str]
) -> None:
    client = foreign
    headers = {name: value.format(port=client.port) for name, value in cookie.items()}
    assert client.ask(path, **headers)[0] == 401
    assert client.ask(f"{path}?token=wrong", **headers)[0] == 401


def test_a_token_counts_once_and_then_the_cookie(foreign: Client) -> None:
    client = foreign
    assert client.url == f"http://{client.authority}/?token=tok"
    status, headers, _ = client.ask("/?token=tok")
    cookie = headers["set-cookie"]
    assert status == 200
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    kept = cookie.partition(";")[0]
    status, headers, _ = client.ask("/api/arrivals", Cookie=kept)
    assert status == 200
    assert headers["set-cookie"] == cookie  # a page that is left open keeps it
    assert client.ask("/api/arrivals?token=tok")[0] == 401  # in the address only at the door
    with client.live(additional_headers={"Cookie": kept}) as live:
        assert json.loads(live.recv())[0]["type"] == "hello"
    with pytest.raises(InvalidStatus) as refused:
        client.live()
    assert refused.value.response.status_code == 401


def test_refusals_are_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 1.0, 59.0, 61.0))
    monkeypatch.setattr("dialtone.monitor.access.time.monotonic", lambda: next(clock))
    told: list[str] = []
    rules = Access("10.0.0.1", "tok", told.append)
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"token=secret-guess",
        "headers": [(b"host", b"10.0.0.1")], "scheme": "http", "client": ("10.0.0.9", 4711),
    }  # fmt: skip
    for _ in range(4):
        assert rules.judge(scope) is not None
    assert len(told) == 2
    assert "10.0.0.9" in told[0]
    assert "2 more" in told[1]
    assert "secret-guess" not in "".join(told)
    assert "tok'" not in repr(rules)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_another_name_for_this_machine_is_refused(client: Client, host: str) -> None:
    assert client.ask("/", Host=host)[0] == 421
    assert client.ask("/", Host=f"localhost:{client.port}")[0] == 200
    assert client.ask("/", Host=f"[::1]:{client.port}")[0] == 200
    assert client.ask("/", Host="0.0.0.0")[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "https://127.0.0.1:{port}"])
def test_another_site_gets_nothing_done(client: Client, origin: str) -> None:
    origin = origin.format(port=client.port)
    for path, method in [("/api/uploads", "POST"), ("/api/sendings", "POST")]:
        assert client.ask(path, method, b"{}", Origin=origin)[0] == 403
    for path in ("/live", "/microphone"):
        with pytest.raises(InvalidStatus) as refused:
            client.live(path, origin=origin)
        assert refused.value.response.status_code == 403


def test_another_site_cannot_even_point_at_what_is_here(client: Client) -> None:
    assert client.ask("/api/arrivals", Sec_Fetch_Site="cross-site")[0] == 403
    assert client.ask("/", Sec_Fetch_Site="cross-site")[0] == 200  # a link to the page itself


def test_every_answer_is_kept_in_its_place(client: Client) -> None:
    for path in ("/", "/page/app.js", "/api/arrivals", "/nothing"):
        headers = client.ask(path)[1]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_what_is_no_request_is_not_worth_a_word(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for junk in (b"\x16\x03\x01\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 70000):
        with socket.create_connection((client.host, client.port)) as stranger:
            stranger.sendall(junk)
            stranger.settimeout(DEADLINE_S)
            assert stranger.recv(100).startswith(b"HTTP/1.1 4")
    assert client.ask("/")[0] == 200
    assert caplog.records == []


def test_https_with_a_certificate_of_ones_own(station: Station, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    files = ("-keyout", key, "-out", certificate, "-subj", "/CN=localhost")
    alternative = ("-addext", "subjectAltName=IP:127.0.0.2")
    subprocess.run(["openssl", *options.split(), *files, *alternative], check=True, stderr=-3)
    server = Server(station, FOREIGN, 0, "tok", certificate, key)
    server.start()
    try:
        client = Client(server, FOREIGN)
        assert server.url.startswith("https://")
        trust = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection(FOREIGN, client.port, context=trust)
        connection.request("GET", "/?token=tok")
        cookie = connection.getresponse().headers["set-cookie"]
        connection.close()
        assert "Secure" in cookie.split("; ")
        kept = {"Cookie": cookie.partition(";")[0]}
        url, origin = f"wss://{client.authority}/live", f"https://{client.authority}"
        with connect(url, ssl=trust, origin=origin, additional_headers=kept) as live:
            assert json.loads(live.recv())[0]["type"] == "hello"
    finally:
        server.stop()
    with pytest.raises(Failure, match="certificate"):
        Server(station, FOREIGN, 0, "tok", key, key).start()


def test_the_token_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "monitor.token"
    token = kept_token(path)
    assert len(token) >= 32
    assert kept_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("held", [b"", b"\n", b"short\n", b"\xff" * 32, b"a" * 20 + b"; Path=/"])
def test_a_file_without_a_token_lets_nobody_in(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "monitor.token"
    path.write_bytes(held)
    with pytest.raises(Failure, match="holds no token"):
        kept_token(path)


def test_connections_without_a_request_are_closed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has no token could take them all, and nobody would get in any more."""
    monkeypatch.setattr(server, "_REQUEST_S", 0.2)
    with ExitStack() as stack:
        live = stack.enter_context(client.live())
        idle = [
            stack.enter_context(socket.create_connection((client.host, client.port), DEADLINE_S))
            for _ in range(100)
        ]
        assert [each.recv(1) for each in idle] == [b""] * 100
        assert client.ask("/")[0] == 200
        assert json.loads(live.recv())[0]["type"] == "hello"
        live.ping().wait(DEADLINE_S)


def test_who_is_refused_keeps_no_connection(foreign: Client) -> None:
    assert foreign.ask("/")[1]["connection"] == "close"


def test_all_addresses_are_those_of_both_kinds(station: Station) -> None:
    with serving(station, "::", "tok") as server:
        port = Client(server).port
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), DEADLINE_S):
                pass


@pytest.mark.parametrize("host", ["..", "a" * 70])
def test_what_is_no_name_of_a_machine_is_said(station: Station, host: str) -> None:
    with pytest.raises(Failure, match="cannot listen"):
        Server(station, host, 0, "tok").start()


# What can be read


def test_arrivals_are_listed_and_come_as_attachments(station: Station, client: Client) -> None:
    html = b"<script>alert(1)</script>"
    arrive(station, 'nä"me.html', html)
    found = client.json("/api/arrivals")
    (arrival,) = found["arrivals"]
    assert (found["total"], arrival["name"], arrival["picture"]) == (1, 'nä"me.html', False)
    status, headers, data = client.ask(f"/api/arrivals/{arrival['place']}/file")
    assert (status, data) == (200, html)
    assert headers["content-type"] == "application/octet-stream"
    disposition = headers["content-disposition"]
    assert disposition == "attachment; filename=\"n__me.html\"; filename*=UTF-8''n%C3%A4%22me.html"
    assert "sandbox" in headers["content-security-policy"]


def test_the_newest_come_first_and_not_all(station: Station, client: Client) -> None:
    for number in range(5):
        arrive(station, f"{number}.txt", b"a", f"20261121T14450{number}Z_0000000{number}")
    found = client.json("/api/arrivals?count=2")
    assert [arrival["name"] for arrival in found["arrivals"]] == ["4.txt", "3.txt"]
    assert found["total"] == 5
    for count in ("x", "-1", "9" * 30, ""):
        assert len(client.json(f"/api/arrivals?count={count}")["arrivals"]) == 5


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_thumbnails_are_drawn_again(station: Station, client: Client, form: str) -> None:
    place = arrive(station, f"a.{form.lower()}", picture(form) + b"<script>")
    status, headers, data = client.ask(f"/api/arrivals/{place.name}/thumbnail")
    assert (status, headers["content-type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(data)).size == (320, 640)
    assert b"<script>" not in data


def _bomb() -> bytes:
    out = io.BytesIO()
    Image.new("1", (20000, 20000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", b"no picture"),
        ("a.png", picture()[:2000]),
        ("a.png", _bomb()),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    ],
    ids=["no picture", "cut off", "bomb", "svg"],
)
def test_what_is_no_picture_has_no_thumbnail(
    station: Station, client: Client, name: str, data: bytes
) -> None:
    place = arrive(station, name, data)
    assert client.ask(f"/api/arrivals/{place.name}/thumbnail")[0] == 204


def test_modules_beside_the_daemon_are_not_those_of_thumbnails(
    station: Station, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been started in a folder into which anybody writes."""
    (tmp_path / "PIL.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    place = arrive(station, "a.png", picture())
    assert client.ask(f"/api/arrivals/{place.name}/thumbnail")[0] == 200


def test_an_inbox_that_cannot_be_read_is_a_sentence(
    station: Station, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    station.folder = station.folder.parent / "key.txt"
    status, _, told = client.ask("/api/arrivals")
    assert status == 400
    assert "not a folder" in json.loads(told)["error"]
    assert caplog.records == []


@pytest.mark.parametrize(
    "place",
    [
        "..", "%2e%2e", "..%2f..%2fetc", "20261121T144500Z_1a2b3c4d%2f..%2f..", ".dialtone",
        "%00", "20261121T144500Z_1a2b3c4d%00",
    ],
)  # fmt: skip
def test_paths_do_not_leave_the_inbox(station: Station, client: Client, place: str) -> None:
    arrive(station, "a.txt", b"a")
    (station.folder.parent / "file").write_bytes(b"secret")
    for path in (f"/api/arrivals/{place}/file", f"/api/arrivals/{place}", f"/page/{place}"):
        status, _, data = client.ask(path)
        assert status == 404, (path, data)


def test_links_in_the_inbox_lead_nowhere(station: Station, client: Client, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    one = arrive(station, "a.txt", b"secret", "20261121T144500Z_00000001")
    (one / "a.txt").unlink()
    (one / "a.txt").symlink_to(secret)
    outside = tmp_path / "outside"
    arrive(station, "b.txt", b"secret", "20261121T144500Z_00000002").rename(outside)
    (station.folder / "20261121T144500Z_00000002").symlink_to(outside)
    three = arrive(station, "c.txt", b"secret", "20261121T144500Z_00000003")
    (three / "receipt.json").write_text(json.dumps({"file": "../../secret"}))
    four = arrive(station, "d.txt", b"secret", "20261121T144500Z_00000004")
    (four / "d.txt").unlink()
    os.mkfifo(four / "d.txt")
    assert client.json("/api/arrivals") == {"arrivals": [], "total": 0}
    for number in range(1, 5):
        place = f"20261121T144500Z_0000000{number}"
        status, _, data = client.ask(f"/api/arrivals/{place}/file")
        assert status == 404
        assert data != b"secret"
