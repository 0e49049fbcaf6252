"""A process that is killed, or whose disk fails, at any call of the operating system: the file is
there as a whole or not at all, and the next run delivers it once."""

import contextlib
import errno
import os
import signal
import threading
from hashlib import sha256

import pytest

import framing
from framing.delivery import write_file
from framing.errors import StorageError

# What changes the disk, or tells of it, on the way from the first packet to the file.
CALLS = (
    "open", "write", "fstat", "fchmod", "ftruncate", "fsync", "close", "link", "rename", "replace",
    "unlink", "mkdir", "rmdir", "stat", "lstat", "scandir",
)  # fmt: skip
NAME = "photo.png"
KILLED, FULL, BROKEN = "killed", "full", "broken"


class Faults:
    """Stands in for functions of `os`: call number `at` (from 0) fails.

    killed  the process dies there; of a write, after half of it
    full    this and all later calls that need room say ENOSPC; a write writes half before
    broken  this one call says EIO; a close closes all the same
    """

    def __init__(self, way, at):
        self.way, self.at, self.count = way, at, 0
        self.log = []

    def install(self, patch):
        for name in CALLS:
            patch.setattr(os, name, self._wrap(name, getattr(os, name)))

    def _wrap(self, name, real):
        def call(*args, **options):
            number, self.count = self.count, self.count + 1
            if number == self.at:
                self.log.append(name)
            if not self._fails(name, number, args):
                return real(*args, **options)
            if name == "write" and number == self.at:
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            if self.way == KILLED:
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "close":
                real(*args)
            code = errno.ENOSPC if self.way == FULL else errno.EIO
            raise OSError(code, os.strerror(code))

        return call

    def _fails(self, name, number, args):
        if self.way != FULL:
            return number == self.at
        growing = name in ("write", "fsync", "link", "mkdir") or (
            name == "open" and args[1] & os.O_CREAT
        )
        return number >= self.at and growing


def put_all(folder, packets, patience):
    """Some receptions in one process; only StorageError may be raised."""
    results = []
    with contextlib.suppress(StorageError):
        inbox = framing.Inbox(folder)
        for p in packets * patience:
            with contextlib.suppress(StorageError):
                results.append(inbox.put(p))
    return [result for result in results if result]


def in_a_child(work):
    """Run it in a forked process; True where that was not killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


@pytest.fixture(params=["fresh", "taken", "no links", "blocks", "crowded"])
def scene(request, kit, monkeypatch):
    """(packets, data, prepare, name of the file in the end)"""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # hundreds of receptions
    data = kit.noise(500)
    name = NAME

    def prepare(folder):
        folder.mkdir()
        if request.param == "taken":
            (folder / NAME).write_bytes(b"another picture")
        if request.param == "crowded":
            for i in range(3):
                kit.receive(framing.Inbox(folder), kit.send(b"", name=f"old {i}"))

    if request.param == "taken":
        name = "photo (1).png"
    if request.param == "no links":

        def link(*_):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", link)
    if request.param == "blocks":
        data = kit.noise(70_000)
        monkeypatch.setattr("framing.transfer.BLOCK_BYTES", 66_000)
    if request.param == "crowded":
        monkeypatch.setattr("framing.replay._RECORDS_MAX", 3)
    packets = list(
        kit.send(data, name=NAME, key=kit.clear, packet_bytes=350 if len(data) < 1000 else 4096)
    )
    return packets, data, prepare, name


def check_and_finish(kit, folder, scene, said=()):
    """Whole or not at all; then a new process finishes it, once and without traces."""
    packets, data, _, name = scene
    there = {p.name for p in folder.iterdir()} if folder.exists() else set()
    if name in there:
        assert (folder / name).read_bytes() == data
    assert {n for n in there if n.startswith("photo")} <= {NAME, name}

    inbox = framing.Inbox(folder)
    results = inbox.resume()
    assert len(results) <= 1
    if (folder / name).exists():
        kit.files(folder)  # nothing is left of what is over
    if not results and not said:
        results = kit.receive(inbox, packets)
    if said:
        assert not any(isinstance(result, framing.Received) for result in results)
    results = [*said, *results]
    assert results
    assert isinstance(results[0], framing.Received | framing.Repeated)
    assert all(isinstance(result, framing.Repeated) for result in results[1:])
    assert results[0].path == folder / name
    assert (folder / name).read_bytes() == data
    kept = {p for p in kit.files(folder) if not p.name.startswith("old")}
    assert kept == {folder / NAME, folder / name}
    (again,) = kit.receive(framing.Inbox(folder), packets)
    assert again.path == folder / name
    assert isinstance(again, framing.Repeated)


def test_killed_at_every_call(kit, tmp_path, scene):
    packets, _, prepare, _ = scene
    for at in range(1000):
        folder = tmp_path / str(at)
        prepare(folder)

        def work(folder=folder, at=at):
            Faults(KILLED, at).install(pytest.MonkeyPatch())
            put_all(folder, packets, 1)

        done = in_a_child(work)
        check_and_finish(kit, folder, scene)
        if done:
            break
    assert at > 40


@pytest.mark.parametrize("way", [FULL, BROKEN])
def test_the_disk_fails_at_every_call(kit, tmp_path, scene, way):
    packets, _, prepare, _ = scene
    for at in range(1000):
        folder = tmp_path / str(at)
        prepare(folder)
        faults = Faults(way, at)
        with pytest.MonkeyPatch.context() as patch:
            faults.install(patch)
            said = put_all(folder, packets, 1 if way == FULL else 2)
        try:
            check_and_finish(kit, folder, scene, said)
        except AssertionError as error:
            error.add_note(f"at call {at}, {faults.log}")
            raise
        if faults.count <= at:
            break
    assert at > 40


def test_what_a_killed_process_wrote_goes_with_a_refusal(kit, tmp_path):
    packets = list(kit.send(b"secret", key=kit.clear, expires=1000))
    left = tmp_path / f".dialtone-{packets[0][:4].hex()}-12345678.part"
    left.write_bytes(b"sec")
    (refused,) = kit.receive(framing.Inbox(tmp_path, clock=lambda: 1000), packets)
    assert refused.kind == "expired"
    assert kit.files(tmp_path) == []


def test_two_that_deliver_at_once_name_no_unfinished_file(tmp_path):
    """One ends while the other, which began later, is in the middle of the same file."""
    halves = b"first half, ", b"second half"
    begun, go = threading.Event(), threading.Event()

    def early():
        yield halves[0]
        begun.set()
        go.wait()
        yield halves[1]

    def late():
        yield halves[0]
        go.set()
        other.join()
        during.extend(p.read_bytes() for p in tmp_path.glob(NAME))
        yield halves[1]

    def write(chunks):
        with contextlib.suppress(StorageError):
            write_file(tmp_path, ".dialtone-x", NAME, chunks, sha256(b"".join(halves)).digest())

    during = []
    other = threading.Thread(target=write, args=(early(),))
    other.start()
    begun.wait()
    write(late())
    assert during in ([], [b"".join(halves)])
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [(NAME, b"".join(halves))]
