"""Signals below the noise: the most robust speeds, their preamble, header and line of delays."""

from functools import partial

import numpy as np
import pytest

import modem
import modem.channel
from modem.superframe import layout
from modem.sync.line_search import agreement, find_line

SEEDS = range(20)


def padded(sent, spec: str, seed: int):
    """The transmission with half a second of silence on either side, behind a channel."""
    gap = np.zeros(sent.rate // 2, np.float32)
    samples = np.concatenate((gap, sent.samples, gap))
    return modem.channel.parse(spec, seed).apply(samples, sent.rate)


def headers_in(samples: np.ndarray, rate: int) -> list[tuple[int, int]]:
    found = []

    def note(seen: modem.Observation) -> None:
        if seen.header is not None:
            found.append((seen.header.speed, seen.header.number))

    rx = modem.Receiver(rate, observer=note)
    rx.process(samples)
    rx.flush()
    return found


def test_a_hundred_bytes_arrive_6_db_below_the_noise(send, listen) -> None:
    """Noise of 4 kHz, clocks 100 ppm apart: 19 of 20 transmissions of one packet."""
    sent = send("phone", 1, superframes=0, extra=1)
    assert sent.speed.packet_bytes >= 100
    whole = sum(listen(*padded(sent, "awgn=-6,skew=100", s)).packets == sent.packets for s in SEEDS)
    assert whole >= 19


@pytest.mark.parametrize(("speed", "snr_db"), [(1, -7.5), (2, -4.8)])
def test_nine_superframes_in_ten_are_whole(send, listen, speed, snr_db) -> None:
    """At this SNR in 4 kHz the energy spent on a bit of the packets is below 3.5 dB over N0, all
    overheads counted. The Shannon limits at these rates are -1.4 and -1.1 dB."""
    sent = send("phone", speed, superframes=20)
    heard = listen(*padded(sent, f"awgn={snr_db},skew=-150", 1))
    assert set(heard.packets) <= set(sent.packets)
    failed = len(heard.of(modem.BlockLost))
    assert failed <= 2
    assert not heard.of(modem.Lost)
    ebn0_db = snr_db + 10 * np.log10(4000 / sent.speed.net_bps)
    assert ebn0_db < 3.5


def test_the_header_is_read_2_db_below_the_payload(send, listen) -> None:
    """Where no packet arrives any more, preamble and header still do."""
    sent = send("phone", 1, superframes=0, extra=1)
    read, packets = 0, 0
    for seed in SEEDS:
        samples, rate = padded(sent, "awgn=-9.7,skew=100", seed)
        read += headers_in(samples, rate) == [(1, 0)]
        packets += len(listen(samples, rate).packets)
    assert read >= 19
    assert packets <= 2


@pytest.mark.parametrize("ppm", [-250, 0, 250])
def test_the_clock_may_be_anything_a_sound_card_has(send, listen, ppm) -> None:
    sent = send("phone", 1, superframes=2, seed=3)
    heard = listen(*padded(sent, f"awgn=-6,skew={ppm}", 5))
    assert heard.packets == sent.packets
    found = [event.stats.clock_ppm for event in heard.of(modem.Acquired)]
    np.testing.assert_allclose(np.abs(found), abs(ppm), atol=50)


@pytest.mark.parametrize(
    "spec", ["phone,awgn=-5", "voip", "echo=4.1ms/-9,awgn=-3", "dropout=30ms/1s,awgn=-4", "awgn=30"]
)
def test_lines_and_their_faults(send, listen, spec) -> None:
    sent = send("phone", 1, superframes=2, seed=4)
    heard = listen(*padded(sent, spec, 2))
    assert heard.packets == sent.packets


@pytest.mark.parametrize("shift_ms", [20, -20])
@pytest.mark.parametrize("at_s", [2.5, 3.6])
def test_a_slip_inside_a_superframe_is_undone(send, listen, shift_ms, at_s) -> None:
    """As of a jitter buffer that drops a voice packet or plays one twice."""
    sent = send("phone", 1, superframes=1, seed=6)
    at, count = round(at_s * sent.rate), abs(shift_ms) * sent.rate // 1000
    again = at - count if shift_ms > 0 else at + count
    slipped = np.concatenate((sent.samples[:at], sent.samples[again:]))
    x, rate = modem.channel.parse("awgn=-5,skew=100", 8).apply(slipped, sent.rate)
    assert listen(x, rate).packets == sent.packets


def test_a_receiver_of_48_khz_hears_as_well(send, listen) -> None:
    sent = send("phone", 1, superframes=0, extra=1)
    samples, rate = modem.channel.parse("rate=48000", 1).apply(sent.samples, sent.rate)
    assert rate == 48000
    quiet = 10 ** ((sent.profile.level_dbfs + 6) / 20) * np.sqrt(6)  # 24 kHz instead of 4
    noise = np.random.default_rng(3).normal(0, quiet, samples.size)
    assert listen((samples + noise).astype(np.float32), rate).packets == sent.packets


def test_speeds_tell_the_form_of_their_superframes(send, listen) -> None:
    """All in one recording, one after another, without a setting."""
    profile = modem.profiles["phone"]
    assert [profile.mode(speed) is profile for speed in profile.speeds[:3]] == [False, False, True]
    parts = [send("phone", speed, superframes=1, seed=speed) for speed in (3, 1, 4, 2)]
    heard = listen(np.concatenate([part.samples for part in parts]), parts[0].rate)
    assert heard.packets == sum((part.packets for part in parts), ())
    assert [event.speed for event in heard.of(modem.Acquired)] == [3, 1, 4, 2]
    assert {event.profile for event in heard.of(modem.Acquired)} == {"phone"}


def pilots_of(offset: float, slope: float, snr_db: float, seed: int):
    """Matched pilots of a full superframe on a line of delays, with random phases, in noise."""
    profile = modem.profiles["phone"]
    speed = profile.speeds[0]
    plan = layout(profile, speed, speed.blocks)
    waveform = profile.numerology
    bins = waveform.carriers[plan.pilots]
    rng = np.random.default_rng(seed)
    delays = offset + slope * np.arange(1, plan.symbols + 1)
    phase = rng.uniform(0, 2 * np.pi, plan.symbols)
    clean = np.exp(1j * (phase - 2 * np.pi / waveform.fft_size * delays * bins.T)).T
    noise = rng.normal(size=(*bins.shape, 2)) @ (1, 1j) * np.sqrt(10 ** (-snr_db / 10) / 2)
    return (clean + noise).astype(np.complex64), bins, waveform.fft_size


def test_the_line_is_found_as_well_as_theory_allows() -> None:
    """Cramer-Rao bound of the slope: each symbol's delay with unknown phase has the variance
    (N / 2 pi)^2 / (2 snr sum (k - mean)^2), and the line those of a least-squares fit."""
    snr_db, slope = -4.0, 0.11
    find = partial(find_line, offset_reach=2.0, slope_reach=0.3)
    found = []
    for seed in range(60):
        pilots, bins, size = pilots_of(0.7, slope, snr_db, seed)
        found.append(find(pilots, bins, size))
    spread = np.sum((bins - bins.mean(axis=1, keepdims=True)) ** 2, axis=1).mean()
    of_one = (size / 2 / np.pi) ** 2 / (2 * 10 ** (snr_db / 10) * spread)
    s = np.arange(len(bins))
    bound = np.sqrt(of_one / np.sum((s - s.mean()) ** 2))
    error = np.array([one[1] for one in found]) - slope
    assert np.sqrt(np.mean(error**2)) < 1.5 * bound
    assert abs(error.mean()) < bound / 2


@pytest.mark.parametrize("snr_db", [-9.0, -4.0, 3.0, 20.0])
def test_agreement_is_that_of_signal_and_noise(snr_db) -> None:
    share = 1 / (1 + 10 ** (-snr_db / 10))
    squares = [np.mean(agreement(pilots_of(0, 0, snr_db, s)[0], 4) ** 2) for s in range(20)]
    assert np.mean(squares) == pytest.approx(share, abs=0.02)
    assert (agreement(np.zeros((5, 14), np.complex64), 2) == 0).all()
