"""The receiver where there is nothing to receive: no events, no crash, no growing memory."""

import tracemalloc

import numpy as np
import pytest

import modem

RATES = [8000, 48000]


def sounds(rate: int, seconds: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rate)
    n = rate * seconds
    t = np.arange(n) / rate
    square = np.where(np.sin(2 * np.pi * 440.3 * t) > 0, 1.0, -1.0)
    return {
        "white": 0.2 * rng.normal(size=n),
        "clipped": np.clip(3 * rng.normal(size=n), -1, 1),
        "silence": np.zeros(n),
        "least bit": rng.integers(0, 2, n) / 32768,
        "constant": np.full(n, 0.9),
        "tone": np.sin(2 * np.pi * 1000 * t),
        "dial tone": 0.4 * np.sin(2 * np.pi * 350 * t) + 0.4 * np.sin(2 * np.pi * 440 * t),
        "square": square,
        "bursts": square * (np.floor(t * 10) % 2),
        "sweep": np.sin(2 * np.pi * np.cumsum(300 + 3100 * (t * 1.7 % 1)) / rate),
        "not a number": np.full(n, np.nan),
        "infinite": np.where(np.arange(n) % 2, np.inf, -np.inf),
    }


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", list(sounds(8000, 1)))
def test_nothing_is_heard_in(listen, kind, rate) -> None:
    x = sounds(rate, 20)[kind].astype(np.float32)
    assert listen(x, rate, 9973).events == ()


def test_nothing_is_heard_in_stereo_noise(listen) -> None:
    x = np.random.default_rng(1).normal(0, 0.1, (44100 * 20, 2)).astype(np.float32)
    assert listen(x, 44100, 4410).events == ()


def test_a_flush_without_input_gives_nothing() -> None:
    rx = modem.Receiver(8000)
    assert rx.flush() == []
    assert rx.flush() == []


def test_signals_of_others_are_not_taken_for_ours(listen) -> None:
    """300 bit/s FSK, a preamble that is repeated forever, and OFDM without a preamble."""
    rng = np.random.default_rng(2)
    rate = 8000
    bits = np.repeat(rng.integers(0, 2, 9000), rate // 300)
    fsk = np.sin(2 * np.pi * np.cumsum(np.where(bits, 1270, 1070)) / rate)
    assert listen((0.5 * fsk).astype(np.float32), rate).events == ()
    profile = modem.profiles["phone"]
    waveform = profile.numerology
    shape = (100, waveform.carriers.size)
    cells = rng.choice([1, -1, 1j, -1j], shape).astype(np.complex64)
    ofdm = 0.2 * waveform.modulate(cells, waveform.prefix)
    assert listen(ofdm, rate).events == ()
    endless = np.tile(0.2 * profile.preamble.waveform(rate), 300).astype(np.float32)
    assert listen(endless, rate).events == ()


def test_a_receiver_still_works_after_a_long_wait(send) -> None:
    sent = send("phone", superframes=1)
    rx = modem.Receiver(sent.rate)
    rng = np.random.default_rng(3)
    for _ in range(60):
        assert rx.process(rng.normal(0, 0.02, sent.rate).astype(np.float32)) == []
    events = rx.process(sent.samples) + rx.flush()
    assert tuple(e.data for e in events if isinstance(e, modem.Packet)) == sent.packets
    start = next(e.time_s for e in events if isinstance(e, modem.Acquired))
    assert start == pytest.approx(60 + sent.profile.lead_in_s, abs=2e-3)


def test_memory_stays_flat() -> None:
    """Three minutes of noise at 48 kHz are 35 MB as float32; the receiver keeps less than two."""
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.1, 48000).astype(np.float32)
    rx = modem.Receiver(48000)
    for _ in range(10):
        rx.process(noise)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(180):
            rx.process(noise)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2e6
    assert peak - before < 20e6


def test_memory_stays_flat_while_receiving(send) -> None:
    """A carousel: the same transmission again and again."""
    sent = send("cable", superframes=1)
    rx = modem.Receiver(sent.rate)
    for _ in range(6):  # longer than what it remembers
        rx.process(sent.samples)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(8):
            rx.process(sent.samples)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2e6
