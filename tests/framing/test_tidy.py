"""What must not stay for ever: unfinished transfers, and what is known of finished ones."""

import contextlib
import os
import time
from pathlib import Path

import pytest

import framing
from framing.errors import StorageError
from framing.latest import Latest

DAY_S = 86400


@pytest.fixture
def old(kit, tmp_path, monkeypatch):
    """An inbox with a transfer of which one packet came a week ago, and another of just now."""
    monkeypatch.setattr("framing.inbox._TRUSTED_S", 0.0)
    inbox = framing.Inbox(tmp_path)
    week, new = (list(kit.send(kit.noise(5000 + n), packet_bytes=350)) for n in range(2))
    inbox.put(week[0])
    then = time.time() - 7 * DAY_S
    for path in (tmp_path / ".dialtone").rglob("*"):
        os.utime(path, (then, then))
    inbox.put(new[0])
    return inbox, week, new


def test_what_stays_unfinished_goes(kit, tmp_path, old):
    inbox, week, new = old
    assert inbox.tidy(8 * DAY_S, 10) == []
    (dropped,) = inbox.tidy(6 * DAY_S, 10)
    assert (dropped.transfer_id, dropped.have) == (week[0][:4].hex(), 1)
    assert [progress.transfer_id for progress in inbox.pending()] == [new[0][:4].hex()]
    assert len(list((tmp_path / ".dialtone").iterdir())) == 1
    assert len(kit.receive(inbox, week)) == 1  # and may come again


def test_a_clock_that_jumps_drops_nothing(tmp_path, old, monkeypatch):
    """An hour after a start, a clock is taken to be right."""
    monkeypatch.setattr("framing.inbox._TRUSTED_S", 3600.0)
    inbox, *_ = old
    assert inbox.tidy(6 * DAY_S, 10) == []
    assert framing.Inbox(tmp_path).tidy(6 * DAY_S, 10) == []


def test_what_another_process_goes_on_with_stays(tmp_path, old, monkeypatch):
    """It replaces the packets by the block that they make, just when their age is asked for."""
    inbox, *_ = old
    scandir = os.scandir

    @contextlib.contextmanager
    def overtaken(folder):
        with scandir(folder) as entries:
            found = list(entries)
        for entry in found:
            Path(entry.path).unlink()
        yield found

    monkeypatch.setattr("framing.spool.os.scandir", overtaken)
    assert inbox.tidy(6 * DAY_S, 10) == []


def test_of_too_many_those_with_the_fewest_packets_go(kit, tmp_path):
    inbox = framing.Inbox(tmp_path)
    for n in range(6):
        for packet in list(kit.send(kit.noise(5000 + n), packet_bytes=350))[: 6 - n]:
            inbox.put(packet)
    assert [progress.have for progress in inbox.tidy(DAY_S, 4)] == [1, 2]
    assert len(inbox.pending()) == 4


def test_what_is_over_does_not_begin_again(kit, tmp_path):
    """As when a sender still repeats what had arrived before a restart."""
    packets = list(kit.send(kit.noise(5000), packet_bytes=350))
    (received,) = kit.receive(framing.Inbox(tmp_path), packets)
    inbox = framing.Inbox(tmp_path, over=[received.transfer_id])
    assert kit.receive(inbox, packets[:5]) == []
    assert (inbox.duplicates, inbox.pending()) == (5, [])


def test_what_the_disk_refuses_does_not_hold_up_the_others(kit, tmp_path, monkeypatch):
    """Two transfers lie complete in the spool, and the first cannot be delivered."""
    both = [list(kit.send(kit.noise(900 + n), name=f"{n}", key=kit.locked)) for n in range(2)]
    closed = framing.Inbox(tmp_path)
    for packets in both:
        kit.receive(closed, packets)
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    write, calls = framing.places.write_file, []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise StorageError("no room")
        return write(*arguments)

    monkeypatch.setattr("framing.places.write_file", failing)
    resuming = inbox.resuming()
    assert isinstance(next(resuming), framing.Received)
    with pytest.raises(StorageError, match="no room"):
        next(resuming)
    assert [type(result) for result in inbox.resume()] == [framing.Received]


def test_latest_forgets_the_oldest():
    latest = Latest[int](3)
    assert [latest.add(n) for n in (1, 2, 3, 1, 4)] == [True, True, True, False, True]
    assert list(latest) == [3, 1, 4]
    assert (2 in latest, 1 in latest, len(latest)) == (False, True, 3)
