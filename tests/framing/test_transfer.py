"""Outgoing: lengths, counts, costs, streams."""

import hashlib
import io

import pytest

import framing
from framing import errors, packet

CHUNK = 65536


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("packet_bytes", [64, 128, 350, 1053])
@pytest.mark.parametrize("size", [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_every_length_comes_back(kit, tmp_path, size, packet_bytes, known):
    data = kit.noise(size)
    packets = list(kit.send(data, packet_bytes=packet_bytes, known=known))
    assert {len(p) for p in packets} == {packet_bytes}
    (received,) = kit.receive(framing.Inbox(tmp_path), packets)
    assert received.path == tmp_path / "photo.png"
    assert received.path.read_bytes() == data
    assert received.size == size
    assert received.sha256 == hashlib.sha256(data).hexdigest()
    assert [path.name for path in kit.files(tmp_path)] == ["photo.png"]


@pytest.mark.parametrize(
    ("key", "protection"), [("locked", "encrypted"), ("clear", "clear key"), ("plain", "plain")]
)
def test_every_key_choice(kit, tmp_path, key, protection):
    data = kit.noise(5000)
    outgoing = kit.send(data, key=getattr(kit, key), media="image/png")
    (received,) = kit.receive(framing.Inbox(tmp_path, kit.unlocked()), outgoing)
    assert received.path.read_bytes() == data
    assert received.protection == protection
    assert received.media == "image/png"
    assert received.transfer_id == outgoing.transfer_id


def test_plain_is_readable_on_the_air_and_the_rest_is_not(kit):
    text = b"".join(b"%x" % byte for byte in kit.noise(40)) + bytes(range(128, 256))
    for key, readable in ((kit.plain, True), (kit.clear, False), (kit.locked, False)):
        air = b"".join(kit.send(text, key=key, packet_bytes=1053))
        assert (text in air) is readable
        assert (b"photo.png" in air) is readable


@pytest.mark.parametrize("packet_bytes", [128, 350, 1053])
@pytest.mark.parametrize("size", [0, 100, 65536, 3_000_000])
@pytest.mark.parametrize("repeat", [1, 3])
def test_the_plan_counts_the_packets(kit, size, packet_bytes, repeat):
    outgoing = kit.send(kit.noise(size), packet_bytes=packet_bytes, repeat=repeat)
    count = outgoing.packet_count
    assert count == outgoing.plan.packets
    assert sum(1 for _ in outgoing) == count


@pytest.mark.parametrize(("packet_bytes", "share"), [(350, 0.10), (1053, 0.08)])
def test_overhead_of_64_kib(kit, packet_bytes, share):
    outgoing = kit.send(kit.noise(CHUNK), key=kit.locked, packet_bytes=packet_bytes)
    assert outgoing.plan.overhead <= share


def test_a_small_file_stays_cheap(kit):
    name = "holiday picture, the beach.png"
    for packet_bytes, most in ((128, 5), (350, 3), (1053, 2)):
        outgoing = kit.send(
            kit.noise(100), name=name, key=kit.locked, packet_bytes=packet_bytes, media="image/png"
        )
        assert outgoing.packet_count <= most


def test_header_with_passphrase_fits_190_bytes(kit):
    outgoing = kit.send(
        kit.noise(70000),
        name="n" * 26 + ".png",
        key=kit.locked,
        packet_bytes=1053,
        media="image/png",
    )
    first = packet.parse(next(outgoing)).symbol
    assert int.from_bytes(first[:3], "big") >> 20 == 1
    assert (int.from_bytes(first[:3], "big") & 0xFFFFF) + 3 <= 190


class Drips:
    """A pipe: few bytes at a time."""

    def __init__(self, data, step):
        self.rest, self.step = data, step

    def read(self, count):
        given, self.rest = self.rest[: min(count, self.step)], self.rest[min(count, self.step) :]
        return given


@pytest.mark.parametrize("step", [1000, 65535, 65537])
def test_a_pipe_may_give_less_than_asked(kit, tmp_path, step):
    data = kit.noise(200_000)
    outgoing = framing.Outgoing(
        Drips(data, step), name="-", key=kit.plain, packet_bytes=350, size=None
    )
    assert outgoing.packet_count is None
    (received,) = kit.receive(framing.Inbox(tmp_path), outgoing)
    assert received.path.read_bytes() == data


def test_a_changing_file_is_named(kit):
    for size in (99, 101):
        with pytest.raises(errors.SourceError):
            framing.Outgoing(
                io.BytesIO(bytes(100)), name="x", key=kit.plain, packet_bytes=350, size=size
            )


@pytest.mark.parametrize(
    "options", [{"packet_bytes": 63}, {"packet_bytes": 4097}, {"repair": -0.1}, {"repeat": -1}]
)
def test_wrong_calls_are_refused_at_once(kit, options):
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        kit.send(b"", **options)


def test_an_endless_transfer_goes_on_with_other_symbols(kit, tmp_path):
    data = kit.noise(2000)
    outgoing = kit.send(data, repeat=0)
    assert outgoing.packet_count is None
    per_pass = outgoing.plan.packets_per_pass
    packets = [next(outgoing) for _ in range(8 * per_pass)]
    assert len(set(packets)) == len(packets)
    (received,) = kit.receive(framing.Inbox(tmp_path), packets[5 * per_pass + 3 :])
    assert received.path.read_bytes() == data
    for _ in range(40 * per_pass):  # beyond the last fresh symbol id it starts again
        next(outgoing)


@pytest.mark.parametrize("known", [True, False])
def test_long_transfers_carry_the_keys_along(kit, known):
    outgoing = kit.send(kit.noise(2_500_000), key=kit.clear, packet_bytes=1053, known=known)
    numbers = [packet.parse(p).number for p in outgoing]
    keys = [i for i, number in enumerate(numbers) if number < 0]
    assert numbers[keys[-1]] == packet.TRAILER
    assert keys[-1] == len(numbers) - 1
    assert max(b - a for a, b in zip([0, *keys], keys, strict=False)) <= 2 * 256
    assert (packet.HEADER in numbers) is not known


def test_blocks_share_a_transfer_evenly(kit):
    outgoing = kit.send(kit.noise(1_100_000), packet_bytes=1053)
    k = {p.number: p.k for p in map(packet.parse, outgoing) if p.number >= 0}
    assert len(k) == 2
    assert min(k.values()) > 0.8 * max(k.values())


def test_many_blocks_use_the_long_head(kit, tmp_path):
    data = kit.noise(2_000_000)
    packets = list(kit.send(data, packet_bytes=64))
    assert max(packet.parse(p).number for p in packets) >= packet.SHORT_BLOCKS
    (received,) = kit.receive(framing.Inbox(tmp_path), packets)
    assert received.path.read_bytes() == data
