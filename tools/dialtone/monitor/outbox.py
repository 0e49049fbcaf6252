"""Sending from the page: what was uploaded, made into sound, played or handed out.

Every job has a thread while it works. Its stages, as told to the hub: preparing, ready, playing,
done, failed, cancelled, removed. The sound is made once, into a file of a folder that goes with the
server; so it can be played here, played by the browser and downloaded.
"""

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialtone import locking, profiles
from dialtone.decibels import dbfs
from dialtone.errors import Failure, translated
from dialtone.locking import LockOptions, Sealing

if TYPE_CHECKING:
    from dialtone.listening.hub import Hub
    from dialtone.pipeline import Payload, Sending
    from modem import Profile, Speed

UPLOAD_MAX = 64 << 20  # bytes of a file
_SOUND_MAX = 1 << 28  # bytes of a WAV: 46 minutes of a cable, 4 hours of a telephone
_JOBS_MAX = 8
_TOLD_S = 0.2  # between two events of a job
_BLOCK_S = 0.1  # of sound that is played at a time
_END_S = 3.0  # that the end of the server waits for what does not look whether it is cancelled


class CancelledError(Exception):
    """The sending was cancelled."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the page asks for.

    speed       "default", "max" or a number
    protection  "plain", "passphrase" or "contacts"
    to          names of contacts
    fit_s       air time to fit a picture to [s]; None sends the file
    """

    profile: str
    speed: str
    protection: str
    passphrase: str = field(repr=False)
    to: tuple[str, ...]
    fit_s: float | None

    def sealing(self) -> Sealing:
        """How it is to be protected. Raises Failure."""
        if self.protection == "plain":
            return locking.sealing(LockOptions(plain=True))
        if self.protection == "passphrase":
            if not self.passphrase:
                raise Failure("the passphrase is empty", "type one, or choose contacts")
            return locking.with_passphrase(self.passphrase)
        known = {contact["name"] for contact in contacts()}
        if self.protection != "contacts" or not self.to or not known.issuperset(self.to):
            raise Failure("choose whom it is for among the contacts")
        return locking.sealing(LockOptions(to=self.to))

    def chosen(self) -> "tuple[Profile, Speed]":
        """Raises Failure where there is no such profile or speed."""
        return profiles.choose(self.profile, self.speed, None)


@dataclass
class Job:
    """One sending.

    passband_hz             highest frequency of the sound
    seconds, total_seconds  of sound made or played, and of the whole; None where not known
    """

    id: str
    file: str
    folder: Path
    stage: str = "preparing"
    seconds: float = 0.0
    total_seconds: float | None = None
    level_dbfs: float | None = None
    reason: str | None = None
    passband_hz: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    working: threading.Thread | None = None

    @property
    def sound(self) -> Path:
        """The WAV, once it is made. No upload has a name that begins with a dot."""
        return self.folder / ".sound.wav"

    @property
    def busy(self) -> bool:
        return self.working is not None and self.working.is_alive()

    def event(self) -> dict[str, Any]:
        """The fields of the hub's event."""
        return {
            "id": self.id,
            "file": self.file,
            "stage": self.stage,
            "seconds": self.seconds,
            "total_seconds": self.total_seconds,
            "level_dbfs": self.level_dbfs,
            "reason": self.reason,
            "made": self.sound.exists(),
            **self.facts,
        }

    def check(self) -> None:
        """Raises CancelledError."""
        if self.cancelled.is_set():
            raise CancelledError


class Outbox:
    """All sendings of one server."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._reading = threading.Lock()  # one at a time: a telephone's photo takes half a gigabyte
        self._folder = _new_folder()

    def close(self) -> None:
        """Cancel everything and remove what was uploaded."""
        jobs = self.jobs()
        for job in jobs:
            job.cancelled.set()
        deadline = time.monotonic() + _END_S
        for job in jobs:
            if job.working is not None:
                job.working.join(max(deadline - time.monotonic(), 0))
        self._folder.cleanup()

    def jobs(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())

    def job(self, number: str) -> Job:
        """Raises Failure where there is none of that number."""
        with self._lock:
            found = self._jobs.get(number)
        if found is None:
            raise Failure("there is no such sending", "it may be over", status=404)
        return found

    def place(self) -> Path:
        """A new folder for an upload."""
        try:
            return Path(tempfile.mkdtemp(dir=self._folder.name))
        except FileNotFoundError:  # systems tidy up what lies in temporary folders for days
            self._folder.cleanup()
            self._folder = _new_folder()
            return Path(tempfile.mkdtemp(dir=self._folder.name))

    def begin(self, upload: Path, order: Order) -> Job:
        """Make the sound of an uploaded file, in the background. Raises Failure."""
        with translated():
            sealing, chosen = order.sealing(), order.chosen()
        job = Job(secrets.token_hex(8), upload.name, upload.parent)
        self._add(job)
        self._work(job, self._prepare, upload, order, sealing, chosen)
        return job

    def play(self, job: Job, device: str | None) -> None:
        """Play it on a sound card, in the background. Raises Failure where it is not ready."""
        with self._lock:
            if job.busy or not job.sound.exists():
                raise Failure("this sending is not ready to be played", "wait for it", status=409)
            job.cancelled.clear()
            job.stage = "playing"
        self._work(job, self._play, device)

    def cancel(self, job: Job) -> None:
        """Stop what it does; what was made stays."""
        job.cancelled.set()

    def drop(self, job: Job) -> None:
        """Stop it and forget it."""
        job.cancelled.set()
        if job.working is not None:
            job.working.join()
        with self._lock:
            self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)
        self._tell(job, stage="removed")

    def _add(self, job: Job) -> None:
        """Keep it; the oldest that does nothing has to go for it."""
        idle = [old for old in self.jobs() if not old.busy]
        if len(self.jobs()) >= _JOBS_MAX:
            if not idle:
                raise Failure("too many sendings at once", "wait for one of them", status=429)
            self.drop(idle[0])
        with self._lock:
            self._jobs[job.id] = job

    def _work(self, job: Job, work: Any, *arguments: Any) -> None:
        """Do it in a thread, and say how it ended."""

        def run() -> None:
            try:
                with translated():
                    work(job, *arguments)
            except CancelledError:
                self._tell(job, stage="cancelled")
            except Failure as failure:
                hint = f"; {failure.hint}" if failure.hint else ""
                self._tell(job, stage="failed", reason=f"{failure.sentence}{hint}")

        job.working = threading.Thread(target=run, name=f"sending {job.id}", daemon=True)
        job.working.start()

    def _tell(self, job: Job, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(job, name, value)
        self._hub.tell("sending", **job.event())

    def _prepare(
        self,
        job: Job,
        upload: Path,
        order: Order,
        sealing: Sealing,
        chosen: "tuple[Profile, Speed]",
    ) -> None:
        from dialtone.audio import write_audio
        from dialtone.pipeline import Sending

        self._tell(job)
        profile, speed = chosen
        with ExitStack() as parts:
            with self._reading:
                job.check()
                payload = parts.enter_context(_payload(upload, order, sealing, profile, speed))
            sending = parts.enter_context(closing(Sending(payload, profile, speed, sealing)))
            total = sending.planned_air_seconds() or 0.0
            if 2 * total * profile.sample_rate * profile.lanes > _SOUND_MAX:
                raise Failure(
                    "the sound would be too long", "choose a faster speed, or fit the picture"
                )
            job.facts = _facts(sending)
            job.passband_hz = profile.numerology.high_hz
            self._tell(job, total_seconds=total)
            told = time.monotonic()
            with write_audio(job.sound, profile.sample_rate, None, profile.lanes) as sink:
                for samples in sending.samples():
                    sink.write(samples)
                    job.check()
                    if time.monotonic() - told > _TOLD_S:
                        told = time.monotonic()
                        self._tell(job, seconds=sending.air_seconds)
            self._tell(
                job, stage="ready", seconds=sending.air_seconds, total_seconds=sending.air_seconds
            )

    def _play(self, job: Job, device: str | None) -> None:
        import numpy as np
        import soundfile

        from dialtone.calibration import store
        from dialtone.soundcard.capture import DeviceLostError
        from dialtone.soundcard.playback import Playback

        self._tell(job, stage="playing", seconds=0.0, reason=None)
        told = time.monotonic()
        with soundfile.SoundFile(job.sound) as file:
            blocks = file.blocks(round(_BLOCK_S * file.samplerate), dtype="float32")
            with Playback(device, file.samplerate, file.channels, job.passband_hz) as playback:
                measured = store.load(playback.device.name)
                gain = 10 ** (measured.level_dbfs / 20) if measured else 1.0
                try:
                    for block in blocks:
                        playback.write(gain * block)
                        job.check()
                        if time.monotonic() - told > _TOLD_S:
                            told = time.monotonic()
                            peak = gain * float(np.max(np.abs(block)))
                            level = dbfs(peak)
                            seconds = min(playback.played_s, job.total_seconds or 0.0)
                            self._tell(job, seconds=seconds, level_dbfs=level)
                    playback.drain()
                    job.check()
                except CancelledError:
                    playback.abort()
                    raise
                except DeviceLostError as error:
                    raise Failure(str(error), "plug it in and play it again") from error
        self._tell(job, stage="done", seconds=job.total_seconds, level_dbfs=None)


def _new_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="dialtone-monitor-", ignore_cleanup_errors=True)


def contacts() -> list[dict[str, str]]:
    """Whom something can be sent to: name and fingerprint of each contact that is not revoked."""
    from dialtone.keystore import Keystore

    known = Keystore(damaged=lambda _: None).contacts()
    return [
        {"name": contact.name, "fingerprint": contact.key.fingerprint}
        for contact in known
        if contact.revoked is None
    ]


def profile_table() -> list[dict[str, Any]]:
    """Every profile with its speeds, for the page to choose from."""
    import modem

    return [
        {
            "name": profile.name,
            "description": profile.description,
            "sample_rate": profile.sample_rate,
            "lanes": profile.lanes,
            "default_speed": profile.default_speed,
            "speeds": [
                {
                    "number": speed.number,
                    "name": speed.name,
                    "net_bps": speed.net_bps,
                    "snr_db": speed.snr_db,
                }
                for speed in profile.speeds
            ],
        }
        for profile in modem.profiles.values()
    ]


@contextmanager
def _payload(
    upload: Path, order: Order, sealing: Sealing, profile: "Profile", speed: "Speed"
) -> "Iterator[Payload]":
    from dialtone import pictures
    from dialtone.pipeline import planned_air_seconds

    if order.fit_s is None:
        with pictures.file_payload(upload) as payload:
            yield payload
        return
    air_seconds = partial(
        planned_air_seconds, profile=profile, speed=speed, sealing=sealing, repair=None, repeat=1
    )
    yield pictures.fitted_payload(upload, order.fit_s, air_seconds)


def _facts(sending: "Sending") -> dict[str, Any]:
    """What the page shows of a sending."""
    return {
        "bytes": sending.file_bytes,
        "packets": sending.packet_count,
        "profile": sending.profile.name,
        "speed": sending.speed.number,
        "rate": sending.profile.sample_rate,
        "lanes": sending.profile.lanes,
        "transfer": sending.transfer,
        "protection": sending.sealing.said,
    }
