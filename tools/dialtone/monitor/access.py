"""Who may talk to the monitor: the address it was asked under, the token, the asking page.

A page of another site, open in the same browser, can send requests here. It cannot read what comes
back, but it must not get anything done either, nor pass as this page by a name that it has pointed
at this machine (DNS rebinding). So the Host header has to be an address or a name of this machine,
and whatever changes something, every websocket included, has to carry the Origin of this page.
"""

import hmac
import ipaddress
import re
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from dialtone.errors import Failure
from dialtone.whole import write_private

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TOKEN_BYTES = 24
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}", re.ASCII)
_SAFE_METHODS = ("GET", "HEAD")
_REFUSALS_TOLD_S = 60.0
_COOKIE_S = 400 * 86400  # the longest that browsers keep one; every answer renews it

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}


def needs_token(host: str) -> bool:
    """Whether others than this machine reach a server that listens there."""
    return host not in _LOOPBACK


def kept_token(path: Path) -> str:
    """The token in a file that only its owner can read, made at the first call: a page that is left
    open finds its daemon again after a restart. Raises OSError, and Failure where the file holds
    none: an empty one would let everybody in."""
    try:
        token = path.read_bytes().decode(errors="replace").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        write_private(path, f"{token}\n".encode())
    if not _TOKEN.fullmatch(token):
        raise Failure(f"{path} holds no token", "remove it: the next start makes a new one")
    return token


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to a request that is not let in."""

    status: int
    sentence: str


@dataclass
class Access:
    """The rules of one server.

    host   where it listens
    token  that every request has to bring, by `?token=` once or by the cookie; None on the
           loopback address, where nobody else can ask
    tell   takes a sentence for the log
    """

    host: str
    token: str | None = field(repr=False)
    tell: Callable[[str], None]
    _silent_until: float = field(default=float("-inf"), init=False)
    _silenced: int = field(default=0, init=False)

    def judge(self, scope: Scope) -> Refusal | None:
        """None where the request may go on."""
        headers = Headers(scope=scope)
        if not self._is_own(headers.get("host", "")):
            return Refusal(421, "This is not the name of the machine that was asked.")
        if self.token is not None and not self._has_token(scope, headers):
            self._count(scope)
            return Refusal(401, "Open the address with the token that the daemon printed.")
        foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if foreign and scope["path"] != "/":
            return Refusal(403, "Another site has asked for this.")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if changes and headers.get("origin") != _origin(scope, headers):
            return Refusal(403, "Another site has asked for this.")
        return None

    def cookie(self, scope: Scope) -> str | None:
        """The Set-Cookie header of an answer; None where it needs none."""
        if self.token is None or scope["type"] != "http":
            return None
        secure = "; Secure" if scope["scheme"] == "https" else ""
        name = _cookie_name(scope)
        return (
            f"{name}={self.token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={_COOKIE_S}{secure}"
        )

    def _is_own(self, host: str) -> bool:
        """Whether a Host header names this machine. An address always does: a page that was
        loaded from it came from here."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.strip("[]").lower()
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            machine = socket.gethostname().lower()
            known = {"localhost", self.host.lower()}
            if needs_token(self.host):
                known |= {machine, f"{machine.partition('.')[0]}.local"}
            return name in known
        return address.is_loopback or needs_token(self.host)

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        given = (
            [QueryParams(scope["query_string"]).get("token", "")] if scope["path"] == "/" else []
        )
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(scope))
        except CookieError:
            morsel = None
        given += [morsel.value] if morsel else []
        token = (self.token or "").encode()
        return any(hmac.compare_digest(word.encode(), token) for word in given)

    def _count(self, scope: Scope) -> None:
        """Say that somebody was refused, once a minute at most."""
        now = time.monotonic()
        if now < self._silent_until:
            self._silenced += 1
            return
        client = scope.get("client")
        before = f", and {self._silenced} more before" if self._silenced else ""
        place = client[0] if client else "somewhere"
        self.tell(f"the monitor refused a request without the token from {place}{before}")
        self._silent_until, self._silenced = now + _REFUSALS_TOLD_S, 0


class Guard:
    """Lets in what the rules allow, and gives every answer the headers that keep it in place."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._access.judge(scope)
        cookie = None if refusal else self._access.cookie(scope)

        async def send_marked(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if cookie is not None:
                    headers["set-cookie"] = cookie
            await send(message)

        if refusal is None:
            await self._app(scope, receive, send_marked)
            return
        # Nobody who is refused keeps one of the connections.
        headers = {"connection": "close"}
        answer = PlainTextResponse(f"{refusal.sentence}\n", refusal.status, headers)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send_marked).send_denial_response(answer)
        else:
            await answer(scope, receive, send_marked)


def _origin(scope: Scope, headers: Headers) -> str:
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return f"{scheme}://{headers.get('host', '')}"


def _cookie_name(scope: Scope) -> str:
    """Cookies know no ports: each server of a machine has its own by its name."""
    server = scope.get("server")
    return f"dialtone-{server[1] if server else 0}"
