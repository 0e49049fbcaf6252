"""The websocket on which a browser's microphone arrives.

The page first sends one text message, {"rate": HZ}, and gets {"input": NAME} back; then every
binary message is a block of samples: float32, little-endian, mono, full scale 1.
"""

import json
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from dialtone.errors import Failure
from dialtone.monitor.watching import BUSY

if TYPE_CHECKING:
    from dialtone.listening.station import Station, StreamInput

WRONG = 4400  # close code: the page has sent what is no sound
_MICROPHONES_MAX = 4
_RATES = range(8000, 192001)
_SAMPLE_BYTES = 4


class Microphones:
    """Gives the sound of browsers to a station, as inputs of their own."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._taken: set[int] = set()

    async def serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        free = [number for number in range(1, _MICROPHONES_MAX + 1) if number not in self._taken]
        if not free:
            await websocket.close(BUSY, "too many microphones are open")
            return
        self._taken.add(free[0])
        try:
            await self._go(websocket, f"browser {free[0]}")
        except WebSocketDisconnect:
            return
        finally:
            self._taken.discard(free[0])

    async def _go(self, websocket: WebSocket, name: str) -> None:
        rate = _rate((await websocket.receive()).get("text"))
        if rate is None:
            await websocket.close(WRONG, "the sample rate is none")
            return
        try:
            stream = await run_in_threadpool(self._station.open_stream, name, rate)
        except Failure as failure:
            await websocket.close(BUSY, failure.sentence)
            return
        try:
            await websocket.send_text(json.dumps({"input": stream.name}))
            await _take(websocket, stream)
        finally:
            stream.close()


async def _take(websocket: WebSocket, stream: "StreamInput") -> None:
    import numpy as np

    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes")
        if not data or len(data) % _SAMPLE_BYTES:
            await websocket.close(WRONG, "this is no sound")
            return
        samples = np.frombuffer(data, "<f4").astype(np.float32)
        samples = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1)
        stream.write(samples[:, np.newaxis])


def _rate(text: str | None) -> int | None:
    """The sample rate that the first message gives [Hz]; None where it is none."""
    try:
        wanted = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    rate = wanted.get("rate") if isinstance(wanted, dict) else None
    return rate if isinstance(rate, int) and rate in _RATES else None
