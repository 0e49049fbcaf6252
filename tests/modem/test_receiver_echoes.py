"""Channels whose response is longer than the usual prefix."""

import pytest

import modem


@pytest.mark.parametrize("paths", ["1.3ms/-9+4.1ms/-14", "11ms/-9+23ms/-14"])
def test_far_echoes_on_the_phone_leave_15_kbit_per_second(send, listen, paths) -> None:
    """The speeds with a prefix of 25 ms hold the whole response; the usual ones do not."""
    sent = send("phone", 33, superframes=7)
    heard = listen(*sent.through(f"echo={paths},awgn=30,skew=100"))
    assert heard.packets == sent.packets
    air_s = modem.Transmitter(sent.profile, sent.speed.number).air_seconds(len(sent.packets))
    assert len(sent.packets) * sent.speed.packet_bytes * 8 / air_s >= 15000


def test_a_reverberant_room_leaves_45_kbit_per_second(send, listen) -> None:
    """Half of the energy comes as a tail of 0.3 s: 64 KiB across such a room."""
    sent = send("air", 15, superframes=2, extra=15)
    assert len(sent.packets) * sent.speed.packet_bytes >= 65536
    heard = listen(*sent.through("room=300ms,awgn=20,skew=100"))
    assert heard.packets == sent.packets
    air_s = modem.Transmitter(sent.profile, sent.speed.number).air_seconds(len(sent.packets))
    assert len(sent.packets) * sent.speed.packet_bytes * 8 / air_s >= 45000
