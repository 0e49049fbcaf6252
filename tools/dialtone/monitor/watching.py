"""The websocket on which the page watches: the hub's events in batches, as JSON lists."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

if TYPE_CHECKING:
    from dialtone.listening.hub import Event, Hub, Watcher

BUSY = 4429  # close code: too many are connected
_PERIOD_S = 0.1  # between two batches
_BEAT_S = 5.0  # of silence, after which an empty batch shows that the connection is there
_WATCHERS_MAX = 16
_LATEST = ("level", "spectrum", "superframe")  # of these a slow page needs the last only


class Watching:
    """Lets pages watch a hub.

    hello  makes the first message, which says what a newcomer has to know beside the events
    """

    def __init__(self, hub: "Hub", hello: Callable[[], dict[str, Any]]) -> None:
        self._hub = hub
        self._hello = hello
        self._count = 0

    async def serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        if self._count >= _WATCHERS_MAX:
            await websocket.close(BUSY, "too many pages are open")
            return
        self._count += 1
        try:
            await self._go(websocket)
        finally:
            self._count -= 1

    async def _go(self, websocket: WebSocket) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: the server has ended
                loop.call_soon_threadsafe(ready.set)

        watcher, known = self._hub.watch(wake, spectra=True, pictures=True)
        with watcher:
            sending = asyncio.create_task(self._send(websocket, watcher, known, ready))
            try:
                await _listen(websocket, watcher)
            finally:
                sending.cancel()
                with suppress(asyncio.CancelledError, WebSocketDisconnect):
                    await sending

    async def _send(
        self, websocket: WebSocket, watcher: "Watcher", known: "list[Event]", ready: asyncio.Event
    ) -> None:
        await websocket.send_text(_text([self._hello(), *known]))
        while True:
            sent = time.monotonic()
            await asyncio.sleep(_PERIOD_S)
            events: list[Event] = []
            while not events and time.monotonic() - sent < _BEAT_S:
                with suppress(TimeoutError):
                    await asyncio.wait_for(ready.wait(), _BEAT_S)
                ready.clear()
                events = thinned(watcher.take())
            await websocket.send_text(_text(events))


async def _listen(websocket: WebSocket, watcher: "Watcher") -> None:
    """Until the page is gone: whether it looks at spectra, which it does not while it is hidden."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        watcher.spectra = message.get("text") != "hidden"


def thinned(events: "list[Event]") -> "list[Event]":
    """Without what a later event of the same batch overtakes."""
    kept: list[Event] = []
    seen: set[tuple[str, str]] = set()
    for event in reversed(events):
        kind = (event["type"], str(event.get("input")))
        if event["type"] not in _LATEST or kind not in seen:
            kept.append(event)
        seen.add(kind)
    return kept[::-1]


def _text(events: "list[Event]") -> str:
    # In ASCII: names of files and devices may hold what is no text (PEP 383), and no UTF-8 either.
    return json.dumps(events, separators=(",", ":"), allow_nan=False)
