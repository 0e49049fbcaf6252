"""Transmissions on both sides of a stereo signal, and of the cable's variants: what a recording may
do to them, and what is said where it is not enough."""

import numpy as np
import pytest

import modem
from modem.channel import parse

NOISE = "noise=-75"


def delayed(x: np.ndarray, samples: float) -> np.ndarray:
    """Any fraction of a sample, by a turn of the spectrum."""
    size = 2 * len(x)
    turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size * samples)
    return np.fft.irfft(np.fft.rfft(x, size) * turn, size)[: len(x)]


def cell_noise(sent, snr_db: float) -> float:
    """Deviation of white noise so far below the cells of an unmixed lane."""
    waveform = sent.profile.numerology
    ratio = waveform.fft_size / (2 * waveform.carriers.size)
    return float(np.sqrt(10 ** ((sent.profile.level_dbfs - snr_db) / 10) * ratio))


def superframe(sent) -> tuple[int, int]:
    """Where the first superframe starts, and how long it is."""
    start = round(sent.profile.lead_in_s * sent.rate)
    return start, sent.profile.superframe_samples(sent.speed.symbols, sent.speed.prefix)


MIXES = {
    "as sent": [[1, 0], [0, 1]],
    "swapped": [[0, 1], [1, 0]],
    "left inverted": [[-1, 0], [0, 1]],
    "right inverted": [[1, 0], [0, -1]],
    "both inverted": [[-1, 0], [0, -1]],
    "mid and side": [[0.5, 0.5], [0.5, -0.5]],
    "side and mid": [[0.5, -0.5], [0.5, 0.5]],
    "one side weak": [[1, 0], [0, 0.01]],
    "near to mono": [[0.6, 0.4], [0.4, 0.6]],
}


@pytest.mark.parametrize("mix", list(MIXES))
def test_lanes_are_told_apart_however_they_are_mixed(send, listen, mix) -> None:
    sent = send("stereo", superframes=1, extra=1)
    mixed = sent.samples @ np.transpose(MIXES[mix])
    heard = listen(*parse(f"silence=.2/.1,{NOISE}", 1).apply(mixed, sent.rate))
    assert heard.packets == sent.packets
    assert heard.names == ["Acquired", "Acquired", "Ended"]


def test_cross_talk_with_delays_filters_and_gains_is_undone(send, listen) -> None:
    """-20 dB from either side to the other, 8 samples from one lane to the other."""
    sent = send("stereo", superframes=2)
    left, right = delayed(sent.samples[:, 0], 3.3), delayed(sent.samples[:, 1], -4.6)
    sides = (left + 0.1 * delayed(right, 2.7), 0.4 * (right + 0.1 * delayed(left, -1.2)))
    filters = ([0.7, 0.2, -0.1], [0.9, -0.2, 0.1, 0.05])
    x = [np.convolve(side, taps)[: len(side)] for side, taps in zip(sides, filters, strict=True)]
    heard = listen(*parse(NOISE, 1).apply(np.stack(x, axis=1), sent.rate))
    assert heard.packets == sent.packets


@pytest.mark.parametrize(("name", "speed"), [("stereo", 8), ("stereo", 20), ("stereo96", 14)])
def test_the_needed_snr_is_the_tables_on_two_lanes_too(send, listen, name, speed) -> None:
    """1 dB above with clocks 100 ppm apart all packets arrive, 3.5 dB below none."""
    sent = send(name, speed, superframes=2)
    x, rate = sent.through("silence=.3/.1,skew=100")
    noise = np.random.default_rng(2).normal(size=x.shape)
    needed = sent.speed.snr_db
    assert listen(x + cell_noise(sent, needed + 1) * noise, rate).packets == sent.packets
    assert listen(x + cell_noise(sent, needed - 3.5) * noise, rate).packets == ()


@pytest.mark.parametrize(
    "mix", [[[1, 0], [0, 1]], [[0.5, 0.05], [-0.24, -0.35]], [[-0.04, -0.5], [-0.27, -0.21]]]
)
def test_separation_is_as_good_as_zero_forcing(send, mix) -> None:
    """Noise of lane i behind the inverse of the matrix: the sum of squares of the inverse's row i.
    The estimate of channel and delays costs 0.3 dB on top, as it does on a single side."""
    sent = send("stereo", 2, superframes=4)
    rng = np.random.default_rng(4)
    for snr_db in (30, 45):
        noise = cell_noise(sent, snr_db) * rng.normal(size=sent.samples.shape)
        seen: list[modem.Observation] = []
        rx = modem.Receiver(sent.rate, 2, observer=seen.append)
        rx.process((sent.samples @ np.transpose(mix) + noise).astype(np.float32))
        rx.flush()
        assert len(seen) == 4
        variance = np.mean([10 ** (-look.snr_db / 10) for look in seen], axis=0)
        measured = [-10 * np.log10(lane.mean()) for lane in np.split(variance, 2)]
        expected = snr_db - 10 * np.log10((np.linalg.inv(mix) ** 2).sum(axis=1))
        np.testing.assert_allclose(measured, expected - 0.3, atol=0.3)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("place", ["preamble", "sync symbol", "payload", "closing symbol"])
def test_a_gap_of_10_ms_on_one_side_is_made_good(send, listen, side, place) -> None:
    sent = send("stereo", superframes=3)
    start, length = superframe(sent)
    behind = {"preamble": 300, "sync symbol": 1700, "payload": length // 2}
    gap = start + length + behind.get(place, length - 1500)
    x, rate = sent.through(NOISE)
    x[gap : gap + rate // 100, side] = 0
    heard = listen(x, rate)
    assert heard.packets == sent.packets
    assert "Lost" not in heard.names


@pytest.mark.parametrize(("name", "seed"), [("stereo", 1), ("stereo", 2), ("stereo192", 3)])
def test_drop_outs_of_50_ms_every_2_s_are_made_good(send, listen, name, seed) -> None:
    """On both sides, and with the third seed in a closing symbol."""
    sent = send(name, superframes=4)
    heard = listen(*sent.through("dropout=50ms/2s,noise=-60", seed))
    assert heard.packets == sent.packets
    assert "Lost" not in heard.names


def test_a_closing_symbol_may_be_missing(send, listen) -> None:
    """The superframe before tells how the lanes are mixed, though level and clock have changed."""
    sent = send("stereo", superframes=3)
    start, length = superframe(sent)
    x, rate = sent.through("skew=150")
    x = x @ np.array([[0.5, 0.2], [0.1, -0.6]])
    x[start + length :] *= 0.8
    symbol = sent.profile.numerology.symbol_samples
    x[start + 2 * length - symbol : start + 2 * length] = 0
    heard = listen(*parse(NOISE, 1).apply(x, rate))
    assert heard.packets == sent.packets


@pytest.mark.parametrize("sides", [[0, 1], [0], [1]], ids=["both", "left", "right"])
def test_a_preamble_and_sync_symbol_may_be_missing(send, listen, sides) -> None:
    """The second superframe starts where the first ended, and its channel is that one's."""
    sent = send("stereo", superframes=3)
    start, length = superframe(sent)
    x, rate = sent.through(NOISE)
    gap = sent.profile.preamble_samples + sent.profile.numerology.sync_samples
    x[start + length : start + length + gap, sides] = 0
    heard = listen(x, rate)
    assert heard.packets == sent.packets
    assert "Lost" not in heard.names


def test_a_first_closing_symbol_that_is_missing_costs_its_superframe(send, listen) -> None:
    sent = send("stereo", superframes=2)
    start, length = superframe(sent)
    x, rate = sent.through(NOISE)
    symbol = sent.profile.numerology.symbol_samples
    x[start + length - symbol : start + length] = 0
    heard = listen(x, rate)
    assert heard.packets == sent.packets[sent.speed.blocks :]
    assert heard.names == ["Acquired", "BlockLost", "Acquired", "Ended"]


def test_a_recording_may_start_in_the_middle(send, listen) -> None:
    sent = send("stereo", superframes=3)
    start, length = superframe(sent)
    x, rate = sent.through(NOISE)
    heard = listen(x[start + length // 2 :], rate)
    assert heard.packets == sent.packets[sent.speed.blocks :]
    assert [event.superframe for event in heard.of(modem.Acquired)] == [1, 2]


def test_silence_may_lead_in(send, listen) -> None:
    """Digital silence, so that there is nothing to learn from it."""
    sent = send("stereo", superframes=1)
    heard = listen(*sent.through("silence=8/.5"))
    assert heard.packets == sent.packets
    assert heard.of(modem.Acquired)[0].time_s == pytest.approx(8.1, abs=2e-3)


def test_both_sides_at_96_khz(send, listen) -> None:
    sent = send("stereo96", superframes=1, extra=1)
    mixed = sent.samples @ [[0.5, 0.2], [0.1, -0.6]]
    x, rate = parse(f"skew=-80,{NOISE}", 1).apply(mixed, sent.rate)
    heard = listen(x, rate, 10007)
    assert heard.packets == sent.packets
    assert heard.of(modem.Acquired)[0].stats.clock_ppm == pytest.approx(-80, abs=1.5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_single_lane_at_192_khz_on_one_side_of_two(send, listen, side) -> None:
    sent = send("cable192", superframes=1, extra=1)
    heard = listen(*sent.through(f"stereo={side},{NOISE}"))
    assert heard.packets == sent.packets


def test_variants_may_follow_one_another(send, listen) -> None:
    """One receiver, no gap to speak of: each is told by its header."""
    parts = [send(name, superframes=1) for name in ("stereo", "cable", "stereo")]
    sides = [p.samples if p.samples.ndim == 2 else np.stack([p.samples] * 2, 1) for p in parts]
    heard = listen(*parse(NOISE, 1).apply(np.concatenate(sides), 48000))
    assert heard.packets == tuple(packet for p in parts for packet in p.packets)
    assert [event.profile for event in heard.of(modem.Acquired)] == ["stereo", "cable", "stereo"]


@pytest.mark.parametrize("name", ["cable192", "stereo192"])
def test_another_sender_may_follow_with_another_clock(send, listen, name) -> None:
    """400 ppm are one and a half carriers at the upper end of the band."""
    first, second = send(name, superframes=1), send(name, superframes=0, extra=5)
    x = [first.through("skew=200,noise=-65")[0], second.through("skew=-200,noise=-65")[0]]
    heard = listen(np.concatenate(x), first.rate)
    assert heard.packets == first.packets + second.packets


def needs(heard) -> list[str]:
    """Why nothing was read; there is nothing else to be told."""
    assert len(heard.of(modem.Lost)) == len(heard.events)
    return [event.reason for event in heard.of(modem.Lost)]


@pytest.mark.parametrize("sides", [[1, 0], [0, 1], [0.5, 0.5]], ids=["left", "right", "both"])
def test_a_mono_recording_of_two_lanes_is_told_of_once(send, listen, sides) -> None:
    sent = send("stereo", superframes=3, extra=1)
    x, rate = parse(NOISE, 1).apply(sent.samples @ sides, sent.rate)
    (reason,) = needs(listen(x, rate))
    assert "stereo recording" in reason
    start, length = superframe(sent)
    assert len(needs(listen(x[start + length // 2 :], rate))) == 1
    # A transmission that breaks off, and another one.
    assert len(needs(listen(np.concatenate((x[: start + 2 * length], x)), rate))) == 2


@pytest.mark.parametrize(
    "mix",
    [[[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]], [[0, 1], [0, -1]]],
    ids=["left", "right", "mono", "one lane on both"],
)
@pytest.mark.parametrize("noise_dbfs", [-75, -45])
def test_a_stereo_recording_of_one_mix_is_told_of_once(send, listen, mix, noise_dbfs) -> None:
    sent = send("stereo", superframes=2)
    mixed = sent.samples @ np.transpose(mix)
    (reason,) = needs(listen(*parse(f"noise={noise_dbfs}", 1).apply(mixed, sent.rate)))
    assert "both sides" in reason


def test_a_side_that_goes_dead_in_the_middle_is_a_loss(send, listen) -> None:
    sent = send("stereo", superframes=3)
    start, length = superframe(sent)
    x, rate = sent.through(NOISE)
    x[start + length :, 1] = 0
    heard = listen(x, rate)
    assert heard.packets == sent.packets[: sent.speed.blocks]
    assert sum(event.count for event in heard.of(modem.BlockLost)) == 2 * sent.speed.blocks


def test_a_recording_of_too_low_a_rate_is_told_of_once(send, listen) -> None:
    sent = send("cable192", superframes=2, extra=1)
    for rate in (44100, 48000, 96000):
        (reason,) = needs(listen(*sent.through(f"rate={rate},{NOISE}")))
        assert "192000 Hz" in reason
        assert str(rate) in reason


def test_a_transmission_behind_one_that_cannot_be_read_is_read(send, listen) -> None:
    sent, readable = send("stereo", superframes=2), send("cable", superframes=1)
    x = np.concatenate((sent.samples[:, 0], readable.samples))
    heard = listen(*parse(NOISE, 1).apply(x, 48000))
    assert heard.packets == readable.packets
    assert heard.names == ["Lost", "Acquired", "Ended"]
