"""Channels whose response is longer than the usual prefix."""

import pytest

import modem


@pytest.mark.parametrize("paths", ["1.3ms/-9+4.1ms/-14", "11ms/-9+23ms/-14"])
def test_far_echoes_on_the_phone_leave_15_kbit_per_second(send, listen, paths) -> None:
    """The speeds with a prefix of 25 ms hold the whole response; the usual ones do not."""
    sent = send("phone", 21, superframes=7)
    heard = listen(*sent.through(f"echo={paths},awgn=30,skew=100"))
    assert heard.packets == sent.packets
    air_s = modem.Transmitter(sent.profile, 21).air_seconds(len(sent.packets))
    assert len(sent.packets) * sent.speed.packet_bytes * 8 / air_s >= 15000
