"""From packets to arrivals: the one thread that the inbox belongs to.

While the disk takes nothing, packets wait in memory, each transfer's by itself: what keeps one of
them from being stored does not hold up the others.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import framing
from dialtone import moments
from dialtone.errors import sentence
from dialtone.listening.arrivals import Arrival, Arrivals, Source, arrival, arrived
from dialtone.listening.drawing import draw
from dialtone.listening.journal import ERROR, INFO, WARNING, Journal
from dialtone.listening.packets import Caught, Packets
from dialtone.listening.worker import Worker
from dialtone.opening import Opening
from dialtone.output import count, duration, size
from dialtone.pictures import shown_name
from dialtone.reception import shown
from framing.errors import StorageError
from framing.latest import Latest
from framing.packet import parse

_TAKE_S = 0.25
_END_S = 0.05  # between two looks at whether everything is stored and opened, at the end
_RETRY_S = 1.0  # between two attempts to store what waits
_TOLD_S = 0.25  # between two events about one transfer
_PICTURE_S = 1.0  # between two looks at what there is of a picture
_TIDY_S = 60.0
_QUIET_S = 15.0  # without a packet, after which a transfer is told to be incomplete
_UNFINISHED_MAX = 1000  # transfers at a time: each takes memory, and strangers can begin any number
_KNOWN_MAX = 4096


@dataclass(slots=True)
class _Watched:
    """A transfer that is arriving, and what was told of it.

    told_s, looked_s  when it was told, and when its picture was looked at [s]
    seen              bytes of the file that the picture was drawn from; -1 before the first
    last              the packet that came last
    needed            packets
    """

    last: Caught
    told_s: float = 0.0
    looked_s: float = 0.0
    seen: int = -1
    picture: int = 0
    drawn: bytes | None = None
    needed: int | None = None


class Intake:
    """Takes packets until they end; tells what becomes of them.

    keep_s  how long an unfinished transfer waits for its next packet [s]
    hook    called with each arrival
    """

    def __init__(
        self,
        folder: Path,
        opening: Opening,
        packets: Packets,
        journal: Journal,
        keep_s: float,
        hook: Callable[[Arrival], None] | None,
    ) -> None:
        """Raises StorageError where the inbox cannot be used at all."""
        self._place = Arrivals(folder, hooked=hook is not None)
        # A sender may still be repeating what had arrived before this start.
        over = arrived(folder, _KNOWN_MAX)
        # Opening a lock with a passphrase takes a second, in which packets have to be stored.
        self._keys = ThreadPoolExecutor(1, thread_name_prefix="keys")
        self._inbox = framing.Inbox(
            folder, opening.keys, place=self._place, over=over, opener=self._keys
        )
        self._opening = opening
        self._packets = packets
        self._journal = journal
        self._hub = journal.hub
        self._keep_s = keep_s
        self._hook = hook
        self._resumed = False
        self._waiting: dict[str, deque[Caught]] = {}  # what the disk did not take, by transfer
        self._failing = False
        self._retry_s = 0.0
        self._tidied_s = time.monotonic()
        self._touched: dict[str, Caught] = {}  # transfers about which there is something to tell
        self._watched: dict[str, _Watched] = {}
        # One picture at a time, in a process that a thread waits for: neither holds up packets.
        self._artist = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._drawing: tuple[str, Future[bytes | None]] | None = None
        self._begun = Latest[str](_KNOWN_MAX)
        self._refused = Latest[tuple[str, str]](_KNOWN_MAX)
        self._given_up = threading.Event()
        self._thread = Worker(self._run, "inbox")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self, wait: bool) -> None:
        """Take what has come, then end. wait: also for the disk, where that takes nothing."""
        if not wait:
            self._given_up.set()
        self._packets.close()
        self._thread.await_end()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def partial(self, transfer: str) -> bytes | None:
        """The picture that there is of a transfer so far; see `Station.partial`."""
        watched = self._watched.get(transfer)
        return watched.drawn if watched else None

    def _run(self) -> None:
        while True:
            for caught in self._packets.take(_TAKE_S):
                self._take(caught)
            now = time.monotonic()
            if now >= self._retry_s:
                self._settle()
                if self._waiting or not self._resumed:
                    self._retry()
            self._tell_progress(now)
            if now - self._tidied_s >= _TIDY_S:
                self._tidied_s = now
                self._tidy()
            if self._packets.closed:
                stored = not self._waiting and self._resumed and self._inbox.settled
                if stored or self._given_up.wait(_END_S):
                    break
        left = sum(map(len, self._waiting.values()))
        if left:
            self._journal.tell(
                "storage", f"{count(left, 'packet')} could not be stored and are lost", ERROR,
                state="lost", packets=left,
            )  # fmt: skip
        self._keys.shutdown(cancel_futures=True)
        self._artist.shutdown(wait=False, cancel_futures=True)
        self._inbox.close()

    # -- packets ---------------------------------------------------------------------------

    def _take(self, caught: Caught) -> None:
        parsed = parse(caught.data)
        if parsed is None:
            self._packets.done(caught)
            return
        transfer = parsed.transfer.hex()
        if transfer in self._waiting:
            self._waiting[transfer].append(caught)
        elif not self._stored(transfer, caught):
            self._waiting[transfer] = deque([caught])

    def _stored(self, transfer: str, caught: Caught) -> bool:
        """Whether the inbox has taken a packet."""
        self._place.note(transfer, Source(caught.input, caught.signal))
        try:
            answer = self._inbox.put(caught.data)
        except StorageError as error:
            self._fail(error)
            return False
        self._packets.done(caught)
        self._touched[transfer] = caught
        if answer is not None:
            self._judge(answer)
        return True

    def _settle(self) -> None:
        """What the keys have opened meanwhile, or not."""
        try:
            for answer in self._inbox.settle():
                self._judge(answer)
        except StorageError as error:
            self._resumed = False  # what is complete is delivered then
            self._fail(error)

    def _retry(self) -> None:
        """Store what waits, and deliver what earlier runs left."""
        if not self._resumed:
            try:
                for answer in self._inbox.resuming():
                    self._judge(answer)
                self._resumed = True
            except StorageError as error:
                self._fail(error)
        stored = 0
        for transfer, queue in list(self._waiting.items()):
            while queue and self._stored(transfer, queue[0]):
                queue.popleft()
                stored += 1
            if not queue:
                del self._waiting[transfer]
        if self._failing and not self._waiting and self._resumed:
            self._failing = False
            self._packets.stuck(False)
            dropped, self._packets.dropped = self._packets.dropped, 0
            lost = f"; {count(dropped, 'packet')} found no room and are lost" * bool(dropped)
            self._journal.tell(
                "storage", f"the disk takes packets again{lost}", INFO, state="well",
                packets=stored, dropped=dropped,
            )  # fmt: skip

    def _fail(self, error: StorageError) -> None:
        self._retry_s = time.monotonic() + _RETRY_S
        if self._failing:
            return
        self._failing = True
        self._packets.stuck(True)
        self._journal.tell(
            "storage", f"{sentence(str(error))}; packets wait in memory, up to 32 MB", ERROR,
            state="failing", reason=sentence(str(error)),
        )  # fmt: skip

    # -- what becomes of them --------------------------------------------------------------

    def _judge(self, answer: framing.inbox.Outcome) -> None:
        if isinstance(answer, framing.Received):
            self._receive(answer)
        elif isinstance(answer, framing.Repeated):
            self._forget(answer.transfer_id)
            at = moments.told(answer.received_at)
            what = answer.name or f"transfer {answer.transfer_id}"
            self._journal.tell(
                "repeated", f"{what} was received before, on {at}",
                transfer=answer.transfer_id, received_at=answer.received_at, file=answer.path,
            )  # fmt: skip
        else:
            self._refuse(answer)

    def _receive(self, received: framing.Received) -> None:
        found = arrival(received.path.parent)
        watched = self._watched.get(received.transfer_id)
        needed = watched.needed if watched else None
        self._forget(received.transfer_id)
        if found is None:  # somebody was quick to take it away
            return
        receipt = found.receipt
        facts = receipt | {"folder": found.folder.name}
        self._hub.tell(
            "transfer", transfer=received.transfer_id, name=receipt["file"],
            bytes=receipt["bytes"], have=needed, needed=needed, exact=True, state="complete",
            input=receipt["input"], snr_db=receipt["snr_db"], reason=receipt["note"], picture=0,
        )  # fmt: skip
        self._hub.tell("received", **facts)
        signer = receipt["signed_by"]
        signed = f", signed by {signer}" if signer else ""
        how = ""
        if receipt["profile"] is not None:
            how = (
                f" in {duration(receipt['air_seconds'])}, profile {receipt['profile']}, speed "
                f"{receipt['speed']}, SNR {receipt['snr_db']:.1f} dB"
            )
        note = f"; {receipt['note']}" if receipt["note"] else ""
        self._journal.tell(
            "received",
            f"received {found.file}: {size(receipt['bytes'])}{how}{signed}{note}",
            **facts,
        )
        if self._hook is not None:
            self._hook(found)

    def _refuse(self, refused: framing.Refused) -> None:
        transfer, locked = refused.transfer_id, refused.kind == "key"
        reason = sentence(refused.reason)
        progress = self._inbox.progress(transfer)
        source = self._place.source(transfer)
        self._hub.tell(
            "transfer", transfer=transfer, name=None, bytes=None,
            have=progress.have if progress else None,
            needed=progress.needed if progress else None,
            exact=bool(progress and progress.exact),
            state="locked" if locked else "refused",
            input=source.input, snr_db=source.signal.snr_db if source.signal else None,
            reason=reason, picture=0,
        )  # fmt: skip
        if not self._refused.add((transfer, reason)):
            return
        hint = self._opening.hint(refused) if locked else ""
        self._journal.tell(
            "refused", f"transfer {transfer}: {reason}{'; ' * locked}{hint}", WARNING,
            transfer=transfer, kind=refused.kind, reason=reason, hint=hint,
        )  # fmt: skip

    def _forget(self, transfer: str) -> None:
        self._touched.pop(transfer, None)
        self._watched.pop(transfer, None)

    def _tidy(self) -> None:
        try:
            dropped = self._inbox.tidy(self._keep_s, _UNFINISHED_MAX)
        except StorageError as error:
            self._resumed = False  # it is tried again, until it is well
            self._fail(error)
            return
        for progress in dropped:
            self._forget(progress.transfer_id)
            facts = {"have": progress.have, "needed": progress.needed}
            self._hub.tell(
                "transfer", transfer=progress.transfer_id, name=progress.name, bytes=progress.size,
                **facts, exact=progress.exact, state="refused", input=None, snr_db=None,
                reason="it stayed unfinished for too long", picture=0,
            )  # fmt: skip
            self._journal.tell(
                "dropped", f"{shown(progress)} stayed unfinished and was dropped: "
                f"{progress.have} of {progress.needed} packets had arrived", WARNING,
                transfer=progress.transfer_id, **facts,
            )  # fmt: skip

    # -- what is on its way ----------------------------------------------------------------

    def _tell_progress(self, now: float) -> None:
        self._take_drawn()
        for transfer, caught in list(self._touched.items()):
            watched = self._watched.setdefault(transfer, _Watched(caught))
            watched.last = caught
            if now - watched.told_s < _TOLD_S:
                continue
            del self._touched[transfer]
            progress = self._inbox.progress(transfer)
            if progress is None:  # it is over, and only repeated
                self._forget(transfer)
                continue
            watched.told_s, watched.needed = now, progress.needed
            if self._begun.add(transfer):
                self._journal.tell(
                    "transfer", f"{caught.input}: {shown(progress)} begins to arrive",
                    transfer=transfer, input=caught.input, state="arriving",
                )  # fmt: skip
            if self._hub.wants_pictures:
                self._draw(watched, progress, now)
            self._tell(watched, progress, caught)
        for transfer, watched in list(self._watched.items()):
            if now - watched.told_s >= _QUIET_S:
                self._forget(transfer)
                self._tell_quiet(transfer)

    def _tell(self, watched: _Watched, progress: framing.Progress, caught: Caught) -> None:
        self._hub.tell(
            "transfer", transfer=progress.transfer_id,
            name=shown_name(progress.name) if progress.name else None, bytes=progress.size,
            have=progress.have, needed=progress.needed, exact=progress.exact,
            state="locked" if progress.locked else "arriving", input=caught.input,
            snr_db=round(caught.signal.snr_db, 2), reason="", picture=watched.picture,
        )  # fmt: skip

    def _tell_quiet(self, transfer: str) -> None:
        """Nothing more has come of it for a while."""
        progress = self._inbox.progress(transfer)
        if progress is None or progress.locked:
            return
        about = "" if progress.exact else "about "
        self._journal.tell(
            "incomplete", f"{shown(progress)} is incomplete: {progress.have} of {about}"
            f"{progress.needed} packets have arrived; they are kept",
            transfer=transfer, have=progress.have, needed=progress.needed, exact=progress.exact,
        )  # fmt: skip

    def _draw(self, watched: _Watched, progress: framing.Progress, now: float) -> None:
        """Have the picture drawn as far as it has come."""
        if self._drawing is not None or now - watched.looked_s < _PICTURE_S:
            return
        watched.looked_s = now
        partial = self._inbox.partial(progress.transfer_id)
        if partial is None or len(partial.data) == watched.seen:
            return
        watched.seen = len(partial.data)
        self._drawing = progress.transfer_id, self._artist.submit(draw, partial)

    def _take_drawn(self) -> None:
        """The picture that has been drawn meanwhile, of a transfer that is still arriving."""
        if self._drawing is None or not self._drawing[1].done():
            return
        (transfer, drawn), self._drawing = self._drawing, None
        watched, picture = self._watched.get(transfer), drawn.result()
        if watched is not None and picture is not None:
            watched.drawn = picture
            watched.picture += 1
            self._touched.setdefault(transfer, watched.last)
