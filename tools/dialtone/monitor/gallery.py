"""What arrived, for the page: a list, thumbnails, downloads, partial pictures.

Nothing is read but the files that `arrivals` finds in the inbox, by the names that it finds them
under; each is opened without following links.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dialtone.errors import Failure
from dialtone.monitor.thumbnails import Thumbnails

if TYPE_CHECKING:
    from dialtone.listening.arrivals import Arrival
    from dialtone.listening.station import Station

_LISTED_MAX = 200
_PICTURE_BYTES_MAX = 32 << 20
_PIECE = 1 << 18
_LONGEST = 640
_DRAWING_MAX = 2  # threads that wait for thumbnails: the others have to stay free for sound
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".tif", ".tiff", ".bmp", ".ppm")
_PLACE = re.compile(r"\d{8}T\d{6}Z_[0-9a-f]{8}(-\d{1,4})?", re.ASCII)
_TRANSFER = re.compile(r"[0-9a-f]{8}")


class Gallery:
    """The routes about what arrived."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._thumbnails = Thumbnails(_LONGEST)
        self._drawing = CapacityLimiter(_DRAWING_MAX)
        self.routes = [
            Route("/api/arrivals", self._list),
            Route("/api/arrivals/{place}/thumbnail", self._thumbnail),
            Route("/api/arrivals/{place}/file", self._file),
            Route("/api/transfers/{transfer}/partial", self._partial),
        ]

    async def _list(self, request: Request) -> Response:
        """The newest arrivals; `count` of them, `total` in all."""
        word = request.query_params.get("count", "")
        count = min(int(word), _LISTED_MAX) if word.isdecimal() and len(word) < 9 else _LISTED_MAX
        found, total = await run_in_threadpool(_newest, self._station.folder, count)
        return JSONResponse({"arrivals": list(map(_described, found)), "total": total})

    async def _thumbnail(self, request: Request) -> Response:
        arrival = await self._arrival(request)
        return _webp(await to_thread.run_sync(self._drawn, arrival, limiter=self._drawing))

    def _drawn(self, arrival: "Arrival") -> bytes | None:
        def read() -> bytes:
            with _opened(arrival) as file:
                return file.read(_PICTURE_BYTES_MAX)

        try:
            return self._thumbnails.get(f"{arrival.folder.name} {arrival.file.name}", read)
        except Failure:  # somebody, or the hook, has taken the file away
            return None

    async def _file(self, request: Request) -> Response:
        arrival = await self._arrival(request)
        file = await run_in_threadpool(_opened, arrival)
        return StreamingResponse(
            _pieces(file),
            media_type="application/octet-stream",
            headers={
                "content-disposition": attachment(arrival.file.name),
                "content-length": str(os.fstat(file.fileno()).st_size),
                "content-security-policy": "sandbox; default-src 'none'",
            },
        )

    async def _partial(self, request: Request) -> Response:
        """What has come of a picture so far, as a process of the station's drew it."""
        transfer = request.path_params["transfer"]
        found = self._station.partial(transfer) if _TRANSFER.fullmatch(transfer) else None
        return _webp(found)

    async def _arrival(self, request: Request) -> "Arrival":
        """The arrival that a path names. Raises Failure where the inbox has none of that name."""
        place = request.path_params["place"]
        if _PLACE.fullmatch(place):
            found = await run_in_threadpool(_arrival, self._station.folder / place)
            if found is not None:
                return found
        raise Failure("there is nothing of that name in the inbox", status=404)


def _newest(inbox: Path, count: int) -> "tuple[list[Arrival], int]":
    """So many arrivals at most, and how many there are; an inbox of months is not read whole."""
    try:
        names = sorted((path.name for path in inbox.iterdir()), reverse=True)
    except FileNotFoundError:
        return [], 0
    names = list(filter(_PLACE.fullmatch, names))
    found: list[Arrival] = []
    strange = 0
    for name in names:
        if len(found) == count:
            break
        if one := _arrival(inbox / name):
            found.append(one)
        else:
            strange += 1
    return found, len(names) - strange


def _arrival(folder: Path) -> "Arrival | None":
    from dialtone.listening.arrivals import arrival

    return arrival(folder)


def attachment(name: str) -> str:
    """A Content-Disposition header that has the file kept, not shown (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _described(arrival: "Arrival") -> dict[str, Any]:
    """An arrival as the page gets it."""
    return {
        "place": arrival.folder.name,
        "name": arrival.file.name,
        "picture": arrival.file.suffix.lower() in _PICTURES,
        "receipt": arrival.receipt,
    }


def _opened(arrival: "Arrival") -> BinaryIO:
    """The file, opened without following a link at any step below the inbox. Raises Failure."""
    steps = (arrival.folder.name, _inside(arrival))
    try:
        inbox = os.open(arrival.folder.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            folder = os.open(steps[0], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=inbox)
        finally:
            os.close(inbox)
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            file = os.open(steps[1], flags, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError:
        raise Failure("the file is not there any more", status=404) from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Failure("this is no file", status=404)
    return os.fdopen(file, "rb")


def _inside(arrival: "Arrival") -> str:
    """The file's name, which stands directly in the arrival's folder."""
    if arrival.file.parent != arrival.folder or Path(arrival.file.name).name != arrival.file.name:
        raise Failure("this is no file of the inbox", status=404)
    return arrival.file.name


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _webp(data: bytes | None) -> Response:
    """A picture; nothing where there is none, which browsers do not take for an error."""
    if data is None:
        return Response(status_code=204)
    headers = {"cache-control": "private, max-age=3600"}
    return Response(data, media_type="image/webp", headers=headers)
