"""What may be lost on the way, and what must be said about it."""

import random

import pytest

import framing


def survives(kit, folder, packets, data):
    (received,) = kit.receive(framing.Inbox(folder), packets)
    return received.path.read_bytes() == data


@pytest.mark.parametrize(
    ("packet_bytes", "known", "step"),
    [(128, True, 61), (350, True, 1), (350, False, 5), (1053, True, 1)],
)
def test_any_run_of_8_percent_at_10_percent_repair(kit, tmp_path, packet_bytes, known, step):
    data = kit.noise(60_000)
    packets = list(
        kit.send(data, key=kit.clear, packet_bytes=packet_bytes, repair=0.10, known=known)
    )
    run = int(0.08 * len(packets))
    for at in [*range(0, len(packets) - run, step), len(packets) - run]:
        rest = packets[:at] + packets[at + run :]
        assert survives(kit, tmp_path / str(at), rest, data), at


@pytest.mark.parametrize("size", [100, 60_000, 300_000])
def test_two_passes_survive_the_loss_of_half(kit, tmp_path, size):
    data = kit.noise(size)
    packets = list(kit.send(data, packet_bytes=350, repeat=2))
    half = len(packets) // 2
    chosen = random.Random(5)
    kept = {
        "first": packets[:half],
        "second": packets[-half:],
        "middle": packets[half // 2 : half // 2 + half],
        "even": packets[::2],
        "random": chosen.sample(packets, half + 2),
    }
    for name, rest in kept.items():
        assert survives(kit, tmp_path / name, rest, data), name


def test_order_and_duplicates_do_not_matter(kit, tmp_path):
    data = kit.noise(100_000)
    packets = list(kit.send(data, packet_bytes=1053)) * 2
    random.Random(1).shuffle(packets)
    inbox = framing.Inbox(tmp_path)
    assert len(kit.receive(inbox, packets)) == 1
    assert (tmp_path / "photo.png").read_bytes() == data
    assert inbox.duplicates > 0


def test_interleaved_transfers(kit, tmp_path):
    files = {f"{i}.bin": kit.noise(1000 * i, i) for i in range(1, 9)}
    streams = [list(kit.send(data, name=name)) for name, data in files.items()]
    packets = [p for stream in streams for p in stream]
    random.Random(2).shuffle(packets)
    results = kit.receive(framing.Inbox(tmp_path), packets)
    assert len(results) == len(files)
    assert {path.name: path.read_bytes() for path in kit.files(tmp_path)} == files


def test_damaged_and_foreign_packets_are_only_counted(kit, tmp_path):
    packets = list(kit.send(kit.noise(500), packet_bytes=128))
    inbox = framing.Inbox(tmp_path)
    for bit in range(8 * 128):
        broken = bytearray(packets[0])
        broken[bit >> 3] ^= 1 << (bit & 7)
        assert inbox.put(bytes(broken)) is None
    for junk in (b"", b"\0", bytes(63), bytes(128), bytes(5000), kit.noise(350)):
        assert inbox.put(junk) is None
    assert inbox.foreign == 8 * 128 + 6
    assert inbox.pending() == []
    assert kit.files(tmp_path) == []


def test_progress_says_what_is_missing(kit, tmp_path):
    packets = list(kit.send(kit.noise(40_000), key=kit.locked))
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    kit.receive(inbox, packets[1:42])
    (progress,) = inbox.pending()
    assert (progress.have, progress.needed) == (41, len(packets) - round(0.05 * progress.needed))
    assert (progress.name, progress.header, progress.locked) == (None, False, False)
    kit.receive(inbox, packets[:1])
    (progress,) = inbox.pending()
    assert (progress.name, progress.size, progress.header) == ("photo.png", 40_000, True)
    assert progress.have == 42
    assert len(kit.receive(inbox, packets[42:])) == 1
    assert inbox.pending() == []


def test_a_late_listener_to_a_long_transfer_learns_the_name_on_the_way(kit, tmp_path):
    packets = list(kit.send(kit.noise(250_000), key=kit.locked))
    inbox = framing.Inbox(tmp_path, kit.unlocked())
    kit.receive(inbox, packets[100:420])
    (progress,) = inbox.pending()
    assert progress.name == "photo.png"
    assert progress.exact
