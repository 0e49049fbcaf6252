"""Files through Outgoing and Inbox without loss."""

import hashlib
import io

import numpy as np
import pytest

import framing

CHUNK = 65536
KEYS = [framing.Passphrase("correct horse", cost=10), framing.ClearKey(), framing.Plain()]
PROTECTION = ["encrypted", "clear key", "plain"]


def noise(size, seed=1):
    return np.random.default_rng(seed).bytes(size)


def send(data, *, name="photo.png", key=framing.Plain(), packet_bytes=350, known=True, **options):  # noqa: B008
    size = len(data) if known else None
    return framing.Outgoing(
        io.BytesIO(data), name=name, key=key, packet_bytes=packet_bytes, size=size, **options
    )


def receive(inbox, packets):
    return [result for p in packets if (result := inbox.put(p))]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("packet_bytes", [128, 350, 1053])
@pytest.mark.parametrize("size", [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_every_length_comes_back(tmp_path, size, packet_bytes, known):
    data = noise(size)
    packets = list(send(data, packet_bytes=packet_bytes, known=known))
    assert {len(p) for p in packets} == {packet_bytes}
    (received,) = receive(framing.Inbox(tmp_path), packets)
    assert received.path == tmp_path / "photo.png"
    assert received.path.read_bytes() == data
    assert received.size == size
    assert received.sha256 == hashlib.sha256(data).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


@pytest.mark.parametrize(("key", "protection"), list(zip(KEYS, PROTECTION, strict=True)))
def test_every_key_choice(tmp_path, key, protection):
    data = noise(5000)
    outgoing = send(data, key=key, media="image/png")
    inbox = framing.Inbox(tmp_path, passphrase=b"correct horse")
    (received,) = receive(inbox, outgoing)
    assert received.path.read_bytes() == data
    assert received.protection == protection
    assert received.media == "image/png"
    assert received.transfer_id == outgoing.transfer_id


@pytest.mark.parametrize("packet_bytes", [128, 350, 1053])
@pytest.mark.parametrize("size", [0, 100, 65536, 3_000_000])
@pytest.mark.parametrize("repeat", [1, 3])
def test_the_plan_counts_the_packets(size, packet_bytes, repeat):
    outgoing = send(noise(size), packet_bytes=packet_bytes, repeat=repeat)
    count = outgoing.packet_count
    assert count == outgoing.plan.packets
    assert sum(1 for _ in outgoing) == count
