"""The receiver against transmissions as they are: speed, cut, level, rate and clock."""

from dataclasses import asdict, astuple

import numpy as np
import pytest

import modem
from modem.receiver import State

from .ladder import WAVEFORMS, telling_speeds

LADDER = [(p.name, s.number) for p in modem.profiles.values() for s in telling_speeds(p)]
speeds = pytest.mark.parametrize(("name", "speed"), LADDER, ids=[f"{n}-{s}" for n, s in LADDER])
each_name = pytest.mark.parametrize("name", WAVEFORMS)


def alike(one: modem.Event, other: modem.Event, seconds: float) -> bool:
    """Equal events, but for the last digits of their estimates and `seconds` of time."""
    if type(one) is not type(other):
        return False
    if isinstance(one, modem.Packet):
        return (one.profile, one.speed, one.data) == (other.profile, other.speed, other.data)
    return abs(one.time_s - other.time_s) <= seconds


@speeds
def test_one_packet_arrives(send, listen, name, speed) -> None:
    profile = modem.profiles[name]
    sent = send(name, speed, superframes=0, extra=1)
    heard = listen(sent.samples, sent.rate)
    assert heard.packets == sent.packets
    assert heard.names == ["Acquired", "Ended"]
    acquired, ended = heard.of(modem.Acquired)[0], heard.of(modem.Ended)[0]
    assert (acquired.profile, acquired.speed, acquired.superframe) == (name, speed, 0)
    assert acquired.time_s == pytest.approx(profile.lead_in_s, abs=2e-3)
    end = len(sent.samples) / sent.rate - 0.05
    assert ended.time_s == pytest.approx(end, abs=2e-3)
    assert ended.air_s == pytest.approx(end - profile.lead_in_s, abs=3e-3)


@speeds
def test_two_superframes_arrive(send, listen, name, speed) -> None:
    sent = send(name, speed, superframes=2, seed=1)
    heard = listen(sent.samples, sent.rate)
    assert heard.packets == sent.packets
    assert heard.names == ["Acquired", "Acquired", "Ended"]
    assert [e.superframe for e in heard.of(modem.Acquired)] == [0, 1]
    assert {(e.profile, e.speed) for e in heard.of(modem.Packet)} == {(name, speed)}


@each_name
@pytest.mark.parametrize("chunk", [997, 4096])
def test_events_do_not_depend_on_the_cutting(send, listen, name, chunk) -> None:
    sent = send(name, superframes=2, extra=1)
    x, rate = sent.through("silence=.4/.1,skew=90,noise=-45")
    whole = listen(x, rate)
    cut = listen(x, rate, chunk)
    assert whole.packets == sent.packets
    assert len(cut.events) == len(whole.events)
    assert all(alike(a, b, 1e-6) for a, b in zip(cut.events, whole.events, strict=True))
    for a, b in zip(cut.of(modem.Acquired), whole.of(modem.Acquired), strict=True):
        np.testing.assert_allclose(astuple(a.stats), astuple(b.stats), rtol=1e-3, atol=1e-3)


def test_samples_may_come_one_by_one(send, listen) -> None:
    sent = send("phone", superframes=0, extra=1)
    x, rate = sent.through("noise=-50")
    one = listen(x, rate, 1)
    whole = listen(x, rate)
    assert one.packets == sent.packets
    assert all(alike(a, b, 1e-6) for a, b in zip(one.events, whole.events, strict=True))


@pytest.mark.parametrize("channels", [1, 2])
def test_an_empty_chunk_is_legal(channels) -> None:
    rx = modem.Receiver(8000, channels)
    assert rx.process(np.zeros((0, 2) if channels == 2 else 0, np.float32)) == []


def test_packets_come_as_soon_as_their_superframe_is_over(send) -> None:
    """The look-ahead is the detector's block at 8 kHz and what the next preamble may need: a
    second, not the length of the recording."""
    sent = send("cable", superframes=3)
    rx = modem.Receiver(sent.rate)
    chunk = sent.rate // 100
    arrivals = []
    for start in range(0, sent.samples.size, chunk):
        for event in rx.process(sent.samples[start : start + chunk]):
            if isinstance(event, modem.Packet):
                given_s = (start + chunk) / sent.rate  # of sound: the clock on the wall has no say
                arrivals.append((given_s, event.time_s))
    length = modem.Transmitter(sent.profile).air_seconds(sent.speed.blocks)
    assert len(arrivals) >= 2 * sent.speed.blocks
    assert all(given_s - began_s < length + 1 for given_s, began_s in arrivals)


@each_name
@pytest.mark.parametrize("ppm", [-200, -20, 20, 200])
def test_clocks_may_differ(send, listen, name, ppm) -> None:
    sent = send(name, superframes=1, extra=2)
    heard = listen(*sent.through(f"silence=.3/.1,skew={ppm},noise=-60"))
    assert heard.packets == sent.packets
    assert heard.of(modem.Acquired)[0].stats.clock_ppm == pytest.approx(ppm, abs=1.5)


@each_name
@pytest.mark.parametrize("spec", ["gain=-34", "gain=6", "invert", "gain=-34,invert,skew=-70"])
def test_level_and_polarity_do_not_matter(send, listen, name, spec) -> None:
    sent = send(name, superframes=1, extra=1)
    heard = listen(*sent.through(spec))
    assert heard.packets == sent.packets


@each_name
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_signal_is_found_on_either_side(send, listen, name, side) -> None:
    sent = send(name, superframes=1, extra=1)
    x, rate = sent.through(f"stereo={side},noise=-60")
    heard = listen(x, rate, 5000)
    assert heard.packets == sent.packets
    assert heard.names == ["Acquired", "Acquired", "Ended"]


def test_the_better_side_is_chosen(send, listen) -> None:
    """The same signal on both sides, one of them noisy beyond use: every packet once."""
    sent = send("cable", superframes=2)
    rng = np.random.default_rng(1)
    for noisy in (0, 1):
        x = np.repeat(sent.samples[:, None], 2, axis=1)
        x[:, noisy] += rng.normal(0, 0.1, len(x)).astype(np.float32)
        assert listen(x, sent.rate).packets == sent.packets


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("phone", [8000, 16000, 44100, 48000, 96000]),
        ("mp3", [44100, 48000, 96000]),
        ("cable", [44100, 48000, 96000, 192000]),
    ],
)
def test_input_may_have_any_rate(send, listen, name, rates) -> None:
    sent = send(name, superframes=1, extra=1)
    for rate in rates:
        x, got = sent.through(f"rate={rate},noise=-65")
        assert got == rate
        heard = listen(x, rate)
        assert heard.packets == sent.packets, rate
        assert abs(heard.of(modem.Acquired)[0].stats.clock_ppm) < 1.5


@each_name
def test_estimates_are_near_the_truth(send, listen, name) -> None:
    """White noise 25 dB below the signal's cells, 77 ppm of clock error, level -33 dBFS.

    16-QAM, as the error vector is measured from decisions, which must be right for that.
    """
    profile = modem.profiles[name]
    widest = max(speed.top_hz for speed in profile.speeds)
    speed = next(s for s in profile.speeds if s.order == 4 and s.top_hz == widest)
    sent = send(name, speed.number, superframes=3)
    waveform = sent.profile.numerology
    x, rate = sent.through("skew=77,gain=-20")
    level_dbfs = sent.profile.level_dbfs - 20
    power = 10 ** ((level_dbfs - 25) / 10) * waveform.fft_size / (2 * waveform.carriers.size)
    noise = np.random.default_rng(2).normal(0, np.sqrt(power), x.size)
    heard = listen((x + noise).astype(np.float32), rate)
    acquired = heard.of(modem.Acquired)
    assert len(acquired) == 3
    for event in acquired[1:]:
        assert event.stats.snr_db == pytest.approx(25, abs=1.2)
        assert event.stats.evm_db == pytest.approx(-25, abs=1.2)
        assert event.stats.level_dbfs == pytest.approx(level_dbfs, abs=0.3)
    bound = 1.0 if name == "cable" else 3.0
    assert acquired[-1].stats.clock_ppm == pytest.approx(77, abs=bound)


@pytest.mark.parametrize("speed", [1, 2])
def test_estimates_hold_where_the_upper_band_is_empty(send, listen, speed) -> None:
    sent = send("mp3", speed, superframes=2)
    assert sent.speed.top_hz < sent.profile.numerology.high_hz
    heard = listen(*sent.through("noise=-70"))
    assert all(event.stats.snr_db > 40 for event in heard.of(modem.Acquired))


@each_name
def test_an_observer_sees_every_superframe(send, name) -> None:
    sent = send(name, superframes=2)
    seen: list[modem.Observation] = []
    rx = modem.Receiver(sent.rate, observer=seen.append)
    events = rx.process(sent.samples) + rx.flush()
    acquired = [e for e in events if isinstance(e, modem.Acquired)]
    assert len(seen) == len(acquired) == 2
    for observation, event in zip(seen, acquired, strict=True):
        waveform = sent.profile.numerology
        assert observation.profile == name
        assert observation.time_s == event.time_s
        assert observation.stats == event.stats
        assert observation.packets == sent.speed.blocks
        assert observation.blocks_failed == 0
        assert observation.metric > 0.9
        assert observation.header is not None
        assert observation.header.data_blocks == sent.speed.blocks
        assert observation.snr_db.shape == observation.carrier_hz.shape == waveform.carriers.shape
        assert waveform.low_hz <= observation.carrier_hz[0]
        assert observation.carrier_hz[-1] <= waveform.high_hz
        assert observation.constellation.size > 100
        assert observation.duration_s == pytest.approx(
            sent.profile.superframe_samples(observation.delays_s.size, sent.speed.prefix)
            / sent.rate,
            abs=1e-3,
        )


def test_a_receiver_goes_on_after_a_recording_that_breaks_off(send) -> None:
    """Wherever the break: also where the receiver still waits for the bridged superframe's end."""
    sent = send("phone", 7, superframes=3)
    start = (
        sent.profile.lead_in_s + sent.profile.superframe_samples(20, sent.speed.prefix) / sent.rate
    )
    for cut in np.arange(start, start + 0.2, 0.02):
        rx = modem.Receiver(sent.rate)
        events = rx.process(sent.samples[: round(cut * sent.rate)]) + rx.flush()
        assert sum(isinstance(event, modem.Lost) for event in events) == 1
        assert rx.state is State.SEARCHING
        again = rx.process(sent.samples) + rx.flush()
        assert tuple(e.data for e in again if isinstance(e, modem.Packet)) == sent.packets
        assert isinstance(again[-1], modem.Ended)


@pytest.mark.parametrize("ppm", [200, -200])
def test_another_sender_may_follow_with_another_clock(send, listen, ppm) -> None:
    """Also with a message so short that the clock of the first would not be improved upon."""
    first, second = (
        send("phone", 12, superframes=1),
        send("phone", 12, superframes=0, extra=4, seed=1),
    )
    x = [first.through(f"skew={ppm}")[0], second.through(f"skew={-ppm}")[0]]
    rng = np.random.default_rng(1)
    samples = np.concatenate((x[0], np.zeros(first.rate // 2), x[1]))
    noise = np.std(x[0]) * 10 ** (-(first.speed.snr_db + 4) / 20)
    samples += noise * rng.normal(size=samples.size)
    heard = listen(samples.astype(np.float32), first.rate)
    assert heard.packets == first.packets + second.packets


def test_records_hold_plain_numbers(send, listen) -> None:
    sent = send("phone", superframes=2)
    for event in listen(sent.samples, sent.rate).events:
        fields = asdict(event)
        for value in [*fields.values(), *fields.get("stats", {}).values()]:
            assert type(value) in (float, int, str, bytes, dict)


def test_wrong_calls_are_refused() -> None:
    for rate in (0, 7999, 192001):
        with pytest.raises(modem.ConfigError, match=str(rate)):
            modem.Receiver(rate)
    with pytest.raises(modem.ConfigError, match="channels"):
        modem.Receiver(8000, 0)
    with pytest.raises(modem.ConfigError, match="channels"):
        modem.Receiver(8000, 2).process(np.zeros(100, np.float32))
    with pytest.raises(modem.ConfigError, match="channels"):
        modem.Receiver(8000).process(np.zeros((100, 2), np.float32))
