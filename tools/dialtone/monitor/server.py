"""The server behind the monitor page, in a thread of its own beside the receivers."""

import asyncio
import hashlib
import logging
import os
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from uvicorn.protocols.http.h11_impl import H11Protocol

from dialtone.errors import ExitCode, Failure, explain
from dialtone.listening.journal import WARNING
from dialtone.monitor.access import Access, Guard, needs_token
from dialtone.monitor.gallery import Gallery
from dialtone.monitor.microphone import Microphones
from dialtone.monitor.outbox import UPLOAD_MAX, Outbox
from dialtone.monitor.sending import SendingRoutes
from dialtone.monitor.watching import Watching

if TYPE_CHECKING:
    from dialtone.listening.station import Station

_PAGE = Path(__file__).parent / "page"
_MESSAGE_MAX = 1 << 18  # bytes of a websocket message
_CONNECTIONS_MAX = 100
_REQUEST_S = 10.0  # from a connection to its first request
_STOP_S = 5.0
# RFC 5737: an address that nobody has. Nothing is sent to it: the system is only asked from which
# of its own addresses it would be.
_NOWHERE = ("192.0.2.1", 9)


class Server:
    """The monitor page of one station.

    station           whose events it shows, whose inbox it offers, and that takes microphones
    host, port        where it listens; port 0 takes a free one
    token             needed for every host but the loopback address, see `access.kept_token`
    certificate, key  PEM files: it speaks https then, which browsers want before they open the
                      microphone for any other address than this very machine's
    """

    def __init__(
        self,
        station: "Station",
        host: str,
        port: int,
        token: str | None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        if token is None and needs_token(host):
            raise Failure(
                f"the monitor is not opened on {host} without a token",
                "127.0.0.1 is for this machine alone",
            )
        self._station = station
        self._host, self._port, self._token = host, port, token
        self._certificate, self._key = certificate, key
        self._running: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._outbox: Outbox | None = None

    def start(self) -> None:
        """Listen, and answer in a thread. Raises Failure where the address cannot be had."""
        listener = self._listener()
        self._port = listener.getsockname()[1]
        outbox = self._outbox = Outbox(self._station.hub)
        config = uvicorn.Config(
            self._app(outbox),
            http=_Impatient,
            log_config=None,
            log_level="error",  # what strangers send that is no request is nobody's business
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=_MESSAGE_MAX,
            ws_per_message_deflate=False,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_graceful_shutdown=1,
            ssl_certfile=self._certificate,
            ssl_keyfile=self._key,
        )
        try:
            config.load()
        except OSError as error:  # ssl.SSLError is one too
            listener.close()
            reason = (error.strerror or str(error)).lower()
            if isinstance(error, ssl.SSLError):
                reason = "the files are no certificate with its private key"
            raise Failure(
                f"the certificate cannot be used: {reason}",
                "give PEM files with --monitor-cert and --monitor-key",
            ) from error
        running = self._running = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(running.serve(sockets=[listener])),
            name="monitor",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Close every connection, silence what plays, remove what was uploaded."""
        if self._running is not None and self._thread is not None:
            # What is broken off now, as an upload, would be told with a traceback each.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            self._running.should_exit = True
            self._thread.join(_STOP_S)
            self._running = self._thread = None
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    @property
    def url(self) -> str:
        """The address to open, with the token where one is needed."""
        scheme = "https" if self._certificate else "http"
        host = f"[{self._name()}]" if ":" in self._name() else self._name()
        token = f"?token={self._token}" if self._token is not None else ""
        return f"{scheme}://{host}:{self._port}/{token}"

    def _name(self) -> str:
        """Under which address others reach a server that listens on all of them."""
        if self._host not in ("0.0.0.0", "::", ""):
            return self._host
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(_NOWHERE)
            except OSError:
                return socket.gethostname()
            return str(probe.getsockname()[0])

    def _listener(self) -> socket.socket:
        try:
            family = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0][0]
            # All addresses are those of both kinds.
            both = self._host == "::" and socket.has_dualstack_ipv6()
            place = (self._host, self._port)
            return socket.create_server(place, family=family, dualstack_ipv6=both)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "this is no name of a machine"
            if isinstance(error, OSError) and not isinstance(error, socket.gaierror):
                reason = os.strerror(error.errno or 0)  # without the address, which stands before
            raise Failure(
                f"the monitor cannot listen on {self._host}:{self._port}: {reason.lower()}",
                "give another [HOST:]PORT",
                ExitCode.DEVICE,
            ) from error

    def _app(self, outbox: Outbox) -> Guard:
        hub = self._station.hub
        page = _fingerprint()

        def hello() -> dict[str, Any]:
            sendings = [job.event() for job in outbox.jobs()]
            return {
                "type": "hello",
                "page": page,
                "sendings": sendings,
                "upload_max_bytes": UPLOAD_MAX,
            }

        def tell(sentence: str) -> None:
            self._station.journal.tell("monitor", sentence, WARNING)

        app = Starlette(
            routes=[
                Route("/", _index),
                Route("/favicon.ico", _icon),
                *Gallery(self._station).routes,
                *SendingRoutes(outbox).routes,
                WebSocketRoute("/live", Watching(hub, hello).serve),
                WebSocketRoute("/microphone", Microphones(self._station).serve),
                Mount("/page", StaticFiles(directory=_PAGE)),
            ],
            exception_handlers={Failure: _told, OSError: _told, ClientDisconnect: _unheard},
        )
        return Guard(app, Access(self._host, self._token, tell))


class _Impatient(H11Protocol):
    """Closes a connection that brings no request: strangers can open any number, and those of
    devices that went out of reach stay for ever."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self.loop.call_later(_REQUEST_S, self._close_idle)

    def _close_idle(self) -> None:
        # A websocket has a protocol of its own from its first request on.
        if self.cycle is None and self.transport.get_protocol() is self:
            self.transport.close()


async def _index(request: Request) -> Response:
    return FileResponse(_PAGE / "index.html", headers={"cache-control": "no-cache"})


async def _icon(request: Request) -> Response:
    return FileResponse(_PAGE / "icon.svg", headers={"cache-control": "no-cache"})


async def _told(request: Request, error: Exception) -> Response:
    """A failure as JSON."""
    failure = explain(error)
    if failure is None:
        raise error
    status = failure.facts.get("status", 400)
    answer = {"error": failure.sentence, "hint": failure.hint}
    return JSONResponse(answer, status if isinstance(status, int) else 400)


async def _unheard(request: Request, error: Exception) -> Response:
    """To a request that broke off: nobody reads it."""
    return Response(status_code=400)


def _fingerprint() -> str:
    """Another for each version of the page: one that is open from before loads itself again."""
    digest = hashlib.sha256()
    for path in sorted(_PAGE.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
