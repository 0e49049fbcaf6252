"""The routes about sending: upload, make sound, play, hand out, cancel."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dialtone.errors import Failure, translated
from dialtone.monitor.gallery import attachment
from dialtone.monitor.outbox import UPLOAD_MAX, Job, Order, Outbox, contacts, profile_table
from framing.names import safe_name

_REQUEST_MAX = 1 << 16  # bytes of JSON
_UPLOADS_MAX = 4
_FIT_MAX_S = 86400.0
_SILENCE_S = 60.0  # without a byte of a request, after which its sender is taken to be gone


class SendingRoutes:
    """What the page calls to send.

    An upload and its order are one request each: the order is JSON, the upload the file as it is,
    its name in the header X-File-Name, percent-encoded UTF-8.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._uploads: dict[str, Path] = {}
        self._uploading = 0
        self._devices = asyncio.Lock()
        self.routes = [
            Route("/api/profiles", self._profiles),
            Route("/api/contacts", self._contacts),
            Route("/api/devices", self._list_devices),
            Route("/api/uploads", self._upload, methods=["POST"]),
            Route("/api/sendings", self._begin, methods=["POST"]),
            Route("/api/sendings/{id}", self._drop, methods=["DELETE"]),
            Route("/api/sendings/{id}/play", self._play, methods=["POST"]),
            Route("/api/sendings/{id}/cancel", self._cancel, methods=["POST"]),
            Route("/api/sendings/{id}/sound.wav", self._sound),
        ]

    async def _profiles(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(profile_table))

    async def _contacts(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(contacts))

    async def _list_devices(self, request: Request) -> Response:
        """Sound cards that can play; `error` says why there are none."""
        async with self._devices:
            return JSONResponse(await run_in_threadpool(_playing_devices))

    async def _upload(self, request: Request) -> Response:
        stated = request.headers.get("content-length", "")
        if not stated.isdecimal() or len(stated) > 18:
            raise Failure("the size of the upload is not given", status=411)
        if int(stated) > UPLOAD_MAX:
            raise _too_large()
        if self._uploading >= _UPLOADS_MAX:
            raise Failure("too many uploads at once", "wait for one of them", status=429)
        while len(self._uploads) >= _UPLOADS_MAX:
            _discard(self._uploads.pop(next(iter(self._uploads))))
        name = safe_name(unquote(request.headers.get("x-file-name", "")))
        path = self._outbox.place() / name
        self._uploading += 1
        whole = False
        try:
            with translated():
                size = await _stored(request, path)
            whole = True
        finally:
            self._uploading -= 1
            if not whole:
                _discard(path)
        self._uploads[path.parent.name] = path
        return JSONResponse({"upload": path.parent.name, "name": name, "bytes": size}, 201)

    async def _begin(self, request: Request) -> Response:
        wanted = await _json(request)
        order = _order(wanted)
        path = self._uploads.pop(str(wanted.get("upload")), None)
        if path is None:
            raise Failure("the uploaded file is not there any more", "choose it again", status=404)
        try:
            job = await run_in_threadpool(self._outbox.begin, path, order)
        except Failure:
            self._uploads[path.parent.name] = path
            raise
        return JSONResponse(job.event(), 202)

    async def _play(self, request: Request) -> Response:
        device = (await _json(request)).get("device")
        job = self._job(request)
        self._outbox.play(job, None if device is None else str(device))
        return JSONResponse(job.event(), 202)

    async def _cancel(self, request: Request) -> Response:
        job = self._job(request)
        self._outbox.cancel(job)
        return JSONResponse(job.event(), 202)

    async def _drop(self, request: Request) -> Response:
        await run_in_threadpool(self._outbox.drop, self._job(request))
        return Response(status_code=204)

    async def _sound(self, request: Request) -> Response:
        job = self._job(request)
        if not job.sound.exists():
            raise Failure("the sound is not ready", "wait for it", status=409)
        name = f"{Path(job.file).stem}.wav"
        headers = {"content-disposition": attachment(name)}
        return FileResponse(job.sound, headers=headers, media_type="audio/wav")

    def _job(self, request: Request) -> Job:
        return self._outbox.job(request.path_params["id"])


async def _stored(request: Request, path: Path) -> int:
    """The body of a request into a file, as it comes; returns its size [bytes]."""
    size = 0
    pieces = aiter(request.stream())
    with path.open("xb") as file:
        while piece := await _next(pieces):
            size += len(piece)
            if size > UPLOAD_MAX:
                raise _too_large()
            await run_in_threadpool(file.write, piece)
    return size


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    """The next piece of a body; nothing at its end. Raises Failure where it does not come."""
    try:
        async with asyncio.timeout(_SILENCE_S):
            return await anext(pieces, b"")
    except TimeoutError:
        raise Failure("the request broke off", "send it again", status=408) from None


async def _json(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Raises Failure where it is none, or too long."""
    body = bytearray()
    pieces = aiter(request.stream())
    while piece := await _next(pieces):
        body += piece
        if len(body) > _REQUEST_MAX:
            raise Failure("the request is too long", status=413)
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Failure("the request is no JSON object")
    return found


def _order(wanted: dict[str, Any]) -> Order:
    fit = wanted.get("fit_s")
    if fit is not None and not (isinstance(fit, int | float) and 0.1 <= fit <= _FIT_MAX_S):
        raise Failure("the seconds to fit the picture to are no such number", "give 0.1 or more")
    to = wanted.get("to", [])
    return Order(
        profile=str(wanted.get("profile", "")),
        speed=str(wanted.get("speed", "default")),
        protection=str(wanted.get("protection", "")),
        passphrase=str(wanted.get("passphrase", "")),
        to=tuple(map(str, to)) if isinstance(to, list) else (),
        fit_s=fit,
    )


def _playing_devices() -> dict[str, Any]:
    from dialtone.soundcard.child import devices

    try:
        found = [device for device in devices() if device.outputs]
    except Failure as failure:
        return {"devices": [], "error": failure.sentence, "hint": failure.hint}
    listed = [
        {"number": each.number, "name": each.name, "host": each.host, "usual": each.default_output}
        for each in found
    ]
    return {"devices": listed, "error": None, "hint": None}


def _discard(path: Path) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)


def _too_large() -> Failure:
    return Failure(
        f"the file is larger than {UPLOAD_MAX >> 20} MiB",
        "send it with `dialtone send`",
        status=413,
    )
