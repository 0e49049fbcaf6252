"""The inbox: names, keys, restarts, full disks."""

import errno
import os
import resource
import subprocess
import sys
from concurrent import futures

import pytest

import framing
from framing import cipher, delivery, errors, spool


def tree(folder):
    """All files but the memory of what was delivered."""
    files = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in files if not name.endswith("/delivered"))


def test_two_inboxes_one_after_the_other(kit, tmp_path):
    data = kit.noise(60_000)
    packets = list(kit.send(data, repair=0.2))
    first = framing.Inbox(tmp_path)
    assert kit.receive(first, packets[:120]) == []
    second = framing.Inbox(tmp_path)
    (progress,) = second.pending()
    assert progress.have == 120
    assert progress.header
    (received,) = kit.receive(second, packets[:60] + packets[130:])
    assert received.path.read_bytes() == data
    assert [p.name for p in kit.files(tmp_path)] == ["photo.png"]


def test_many_blocks_survive_a_restart(kit, tmp_path):
    data = kit.noise(3_000_000)
    packets = list(kit.send(data, packet_bytes=1053, key=kit.locked))
    results = []
    for at in range(0, len(packets), 500):
        inbox = framing.Inbox(tmp_path, kit.unlocked())
        results += kit.receive(inbox, packets[at : at + 500])
        if results:
            break
    (received,) = results
    assert received.path.read_bytes() == data
    assert [p.name for p in kit.files(tmp_path)] == ["photo.png"]


def test_a_killed_process_loses_nothing(kit, tmp_path):
    data = kit.noise(60_000)
    packets = list(kit.send(data))
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import framing\n"
        "inbox = framing.Inbox(Path(sys.argv[1]))\n"
        "for line in sys.stdin:\n"
        "    inbox.put(bytes.fromhex(line))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    lines = "\n".join(p.hex() for p in packets[:100])
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], input=lines, text=True, check=False
    )
    assert done.returncode == -9
    (received,) = kit.receive(framing.Inbox(tmp_path), packets[100:])
    assert received.path.read_bytes() == data


@pytest.mark.parametrize("cut", [1, 100, 349])
def test_a_record_cut_short_is_dropped(kit, tmp_path, cut):
    data = kit.noise(30_000)
    packets = list(kit.send(data))
    kit.receive(framing.Inbox(tmp_path), packets[:50])
    (log,) = (tmp_path / ".dialtone").rglob("*.packets")
    os.truncate(log, log.stat().st_size - cut)
    inbox = framing.Inbox(tmp_path)
    assert inbox.pending()[0].have == 49
    (received,) = kit.receive(inbox, packets[49:])
    assert received.path.read_bytes() == data


def test_damage_on_the_disk_is_found(kit, tmp_path):
    data = kit.noise(30_000)
    packets = list(kit.send(data, repair=0.3))
    inbox = framing.Inbox(tmp_path)
    kit.receive(inbox, packets[:60])
    (log,) = (tmp_path / ".dialtone").rglob("*.packets")
    content = bytearray(log.read_bytes())
    for record in (3, 7, 20):
        content[350 * record + 100] ^= 4
    log.write_bytes(content)
    (received,) = kit.receive(inbox, packets[60:])
    assert received.path.read_bytes() == data


def test_damage_of_a_stored_block_is_found(kit, tmp_path):
    data = kit.noise(2_500_000)
    packets = list(kit.send(data, packet_bytes=1053))
    kit.receive(framing.Inbox(tmp_path), packets[:1500])
    (block,) = (tmp_path / ".dialtone").rglob("*.block")
    content = bytearray(block.read_bytes())
    content[5000] ^= 1
    block.write_bytes(content)
    inbox = framing.Inbox(tmp_path)
    assert kit.receive(inbox, packets[1500:]) == []
    (received,) = kit.receive(inbox, packets)
    assert received.path.read_bytes() == data


def test_repeats_of_a_complete_transfer_are_ignored(kit, tmp_path):
    packets = list(kit.send(kit.noise(5000), repeat=3))
    inbox = framing.Inbox(tmp_path)
    assert len(kit.receive(inbox, packets + packets)) == 1
    assert inbox.pending() == []
    assert [p.name for p in kit.files(tmp_path)] == ["photo.png"]


def test_same_name_other_content_gets_a_number(kit, tmp_path):
    for seed, name in ((1, "photo.png"), (2, "photo (1).png"), (3, "photo (2).png")):
        (received,) = kit.receive(framing.Inbox(tmp_path), kit.send(kit.noise(500, seed)))
        assert received.path == tmp_path / name
    for seed, name in ((2, "photo (1).png"), (1, "photo.png")):
        (received,) = kit.receive(framing.Inbox(tmp_path), kit.send(kit.noise(500, seed)))
        assert received.path == tmp_path / name
    assert len(tree(tmp_path)) == 3


def test_links_and_folders_are_not_written_through(kit, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(kit.noise(500))
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "photo.png").symlink_to(outside)
    (folder / "photo (1).png").mkdir()
    (received,) = kit.receive(framing.Inbox(folder), kit.send(kit.noise(500)))
    assert received.path == folder / "photo (2).png"
    assert outside.read_bytes() == kit.noise(500)


def test_without_hard_links(kit, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(delivery.os, "link", refuse)
    for seed, name in ((1, "photo.png"), (2, "photo (1).png"), (1, "photo.png")):
        (received,) = kit.receive(framing.Inbox(tmp_path), kit.send(kit.noise(500, seed)))
        assert received.path == tmp_path / name
    assert len(tree(tmp_path)) == 2


# -- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [None, b"wrong"])
def test_wrong_key_is_told_early_and_once_and_nothing_is_lost(kit, tmp_path, wrong):
    data = kit.noise(60_000)
    packets = list(kit.send(data, key=kit.locked))
    inbox = framing.Inbox(tmp_path, kit.unlocked(wrong))
    refused = inbox.put(packets[0])
    assert (refused.kind, refused.transfer_id) == ("key", packets[0][:4].hex())
    assert refused.error == ("WrongKeyError" if wrong else "MissingKeyError")
    assert kit.receive(inbox, packets[1:]) == []
    assert inbox.pending()[0].locked
    assert [p.name for p in tmp_path.iterdir()] == [".dialtone"]

    (received,) = framing.Inbox(tmp_path, kit.unlocked()).resume()
    assert received.path.read_bytes() == data
    assert [p.name for p in kit.files(tmp_path)] == ["photo.png"]


def test_the_right_key_while_packets_still_come(kit, tmp_path):
    packets = list(kit.send(kit.noise(60_000), key=kit.locked))
    kit.receive(framing.Inbox(tmp_path, kit.unlocked(b"wrong")), packets[:100])
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    assert inbox.resume() == []
    (received,) = kit.receive(inbox, packets[100:])
    assert received.protection == "encrypted"


def test_scrypt_runs_once(kit, tmp_path, monkeypatch):
    calls = []

    def counted(*args, **options):
        calls.append(1)
        return cipher.scrypt(*args, **options)

    packets = list(kit.send(kit.noise(60_000), key=kit.locked, repeat=2))
    monkeypatch.setattr("framing.keys.scrypt", counted)
    for passphrase in (b"wrong", kit.password):
        calls.clear()
        kit.receive(framing.Inbox(tmp_path, kit.unlocked(passphrase)), packets)
        assert len(calls) == 1


class Later(futures.Executor):
    """Does nothing until it is told to."""

    def __init__(self):
        self.waiting = []

    def submit(self, function):
        future = futures.Future()
        self.waiting.append((future, function))
        return future

    def work(self):
        for future, function in self.waiting:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except errors.TransferError as error:
                future.set_exception(error)
        self.waiting.clear()


def test_packets_are_stored_while_keys_are_tried(kit, tmp_path):
    data = kit.noise(60_000)
    packets = list(kit.send(data, key=kit.locked))
    later = Later()
    inbox = framing.Inbox(tmp_path, kit.unlocked(), opener=later)
    assert kit.receive(inbox, packets) == []
    assert list(inbox.settle()) == []
    assert (len(later.waiting), inbox.settled) == (1, False)
    # Whoever is killed now has everything.
    (received,) = framing.Inbox(tmp_path / "copy", kit.unlocked(), spool=tmp_path / ".dialtone"
                                ).resume()  # fmt: skip
    assert received.path.read_bytes() == data
    later.work()
    (repeated,) = inbox.settle()
    assert isinstance(repeated, framing.Repeated)
    assert inbox.settled


@pytest.mark.parametrize("early", [1, 60, None])
def test_keys_tried_meanwhile_open_or_refuse(kit, tmp_path, early):
    data = kit.noise(60_000)
    packets = list(kit.send(data, key=kit.locked))
    later = Later()
    inbox = framing.Inbox(tmp_path / "wrong", kit.unlocked(b"wrong"), opener=later)
    assert kit.receive(inbox, packets[:early]) == []
    later.work()
    (refused,) = inbox.settle()
    assert refused.error == "WrongKeyError"
    assert list(inbox.settle()) == kit.receive(inbox, packets[len(packets[:early]) :]) == []
    assert inbox.pending()[0].locked

    inbox = framing.Inbox(tmp_path / "right", kit.unlocked(), opener=later)
    outcomes = kit.receive(inbox, packets[:early])
    later.work()
    outcomes += inbox.settle()
    outcomes += kit.receive(inbox, packets[len(packets[:early]) :])
    (received,) = outcomes
    assert received.path.read_bytes() == data
    assert inbox.settled


def test_a_transfer_that_is_dropped_while_its_key_is_tried(kit, tmp_path):
    packets = list(kit.send(kit.noise(60_000), key=kit.locked))
    later = Later()
    inbox = framing.Inbox(tmp_path, kit.unlocked(), opener=later)
    kit.receive(inbox, packets[:20])
    assert len(inbox.tidy(0.0, 0)) == 1
    later.work()
    assert list(inbox.settle()) == []
    assert inbox.settled
    assert inbox.pending() == []


def test_keys_are_not_tried_for_what_was_dropped(kit, tmp_path):
    """Strangers can begin any number of transfers; to try the keys on one takes a second."""
    later = Later()
    inbox = framing.Inbox(tmp_path, kit.unlocked(), opener=later)
    for _ in range(20):
        kit.receive(inbox, list(kit.send(kit.noise(60_000), key=kit.locked))[:20])
    assert len(later.waiting) == 20
    assert len(inbox.tidy(86400, 3)) == 17
    assert list(inbox.settle()) == []
    assert [future.cancelled() for future, _ in later.waiting].count(False) == 3


def test_text_passphrases_are_normalised(kit, tmp_path):
    outgoing = kit.send(b"x", key=framing.Passphrase("schlüssel", cost=10))
    (received,) = kit.receive(framing.Inbox(tmp_path, kit.unlocked("schlu\u0308ssel")), outgoing)
    assert received.size == 1


# -- disks -------------------------------------------------------------------------------------


def failing_write(room):
    """os.write on a disk that has `room` bytes left, the last write cut short."""
    real, left = os.write, [room]

    def write(handle, data):
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = real(handle, bytes(data[: left[0]]))
        left[0] -= count
        return count

    return write


@pytest.mark.parametrize("broken", ["00000.block", "00001-*.packets"])
def test_a_bad_sector_costs_what_is_in_it(kit, tmp_path, broken):
    data = kit.noise(1_500_000)
    packets = list(kit.send(data, packet_bytes=1053, repair=0.1))
    inbox = framing.Inbox(tmp_path)
    kit.receive(inbox, packets[:1250])
    (path,) = (tmp_path / ".dialtone").glob(f"*/{broken}")
    path.unlink()
    path.symlink_to("/proc/self/mem")  # nobody can read what is at 0: that is an I/O error
    with pytest.raises(OSError, match="Input/output error"):
        path.read_bytes()
    inbox = framing.Inbox(tmp_path)
    (progress,) = inbox.pending()
    assert 0 < progress.have < 1250
    if broken == "00000.block":
        (received,) = kit.receive(inbox, packets)
        assert received.path.read_bytes() == data


@pytest.mark.parametrize("room", [0, 100, 350, 5000, 20_100, 20_500, 60_000])
def test_a_full_disk_leaves_nothing_half_written(kit, tmp_path, monkeypatch, room):
    data = kit.noise(20_000)
    packets = list(kit.send(data))
    inbox = framing.Inbox(tmp_path)
    monkeypatch.setattr(spool.os, "write", failing_write(room))
    failed = []
    for p in packets:
        try:
            inbox.put(p)
        except errors.StorageError as error:
            failed.append(error)
    assert failed
    assert {error.errno for error in failed} == {errno.ENOSPC}
    assert all("No space left" in str(error) for error in failed)
    assert not [name for name in tree(tmp_path) if not name.startswith(".dialtone/")]

    monkeypatch.undo()  # space again: what was stored still counts
    (received,) = kit.receive(inbox, packets)
    assert received.path.read_bytes() == data
    assert [p.name for p in kit.files(tmp_path)] == ["photo.png"]


def test_a_real_limit_on_file_size(kit, tmp_path):
    """The kernel refuses the last bytes of the file itself; a restart delivers."""
    data = kit.noise(200_000)
    packets = list(kit.send(data, packet_bytes=1053))
    inbox = framing.Inbox(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(errors.StorageError):
            kit.receive(inbox, packets)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [name for name in tree(tmp_path) if not name.startswith(".dialtone/")]
    assert len(kit.receive(framing.Inbox(tmp_path), packets)) == 1


def test_a_folder_that_cannot_be_made(kit, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.StorageError):
        kit.receive(framing.Inbox(tmp_path / "file"), kit.send(b"x"))


def test_a_spool_elsewhere(kit, tmp_path):
    inbox = framing.Inbox(tmp_path / "in", spool=tmp_path / "spool")
    packets = list(kit.send(kit.noise(5000)))
    kit.receive(inbox, packets[:5])
    assert tree(tmp_path) == [f"spool/{packets[0][:4].hex()}-350/00000-16.packets"]
    kit.receive(inbox, packets[5:])
    assert tree(tmp_path) == ["in/photo.png"]


def test_too_large(kit, tmp_path):
    for known in (True, False):
        packets = list(kit.send(kit.noise(1001), known=known))
        (refused,) = kit.receive(framing.Inbox(tmp_path, limit=1000), packets)
        assert refused.kind == "too large"
        assert tree(tmp_path) == []
    assert len(kit.receive(framing.Inbox(tmp_path, limit=1001), packets)) == 1


def test_the_spool_does_not_tell_the_name(kit, tmp_path):
    packets = list(kit.send(kit.noise(5000), key=kit.locked, name="secret plans.txt"))
    kit.receive(framing.Inbox(tmp_path, kit.unlocked()), packets[:10])
    content = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"secret" not in content
    assert not any("secret" in name for name in tree(tmp_path))
    assert (tmp_path / ".dialtone").stat().st_mode & 0o077 == 0
