"""The receiver against what happens to signals on their way, one impairment at a time."""

import numpy as np
import pytest

import modem

from .ladder import WAVEFORMS

each_name = pytest.mark.parametrize("name", WAVEFORMS)


def in_order(some: tuple[bytes, ...], of_all: tuple[bytes, ...]) -> bool:
    """Whether `some` are packets of the whole, in their order, each at most once."""
    places = [of_all.index(packet) for packet in some]
    return places == sorted(set(places))


@each_name
def test_the_start_may_be_missing(send, listen, name) -> None:
    sent = send(name, superframes=3)
    blocks = sent.speed.blocks
    missing_s = sent.profile.lead_in_s + max(0.5, 0.3 * sent.profile.longest_s)
    x = sent.samples[round(missing_s * sent.rate) :]
    heard = listen(x, sent.rate)
    assert heard.packets == sent.packets[blocks:]
    assert heard.of(modem.Acquired)[0].superframe == 1
    assert heard.names[-1] == "Ended"


@each_name
def test_the_end_may_be_missing(send, listen, name) -> None:
    """What was whole arrives, the rest is reported: cut inside a superframe, and between two."""
    sent = send(name, superframes=3)
    blocks = sent.speed.blocks
    length = (sent.samples.size / sent.rate - sent.profile.lead_in_s - 0.05) / 3
    for superframes, more in ((1, 0.6), (2, 0.02)):
        end = sent.profile.lead_in_s + (superframes + more) * length
        heard = listen(sent.samples[: round(end * sent.rate)], sent.rate)
        assert heard.packets[: superframes * blocks] == sent.packets[: superframes * blocks]
        assert in_order(heard.packets, sent.packets)
        assert heard.names[-1] == "Lost"
        assert "Ended" not in heard.names


@pytest.mark.parametrize("names", [WAVEFORMS, WAVEFORMS[::-1]], ids=["down", "up"])
def test_transmissions_follow_one_another(send, listen, join, names) -> None:
    """Different profiles at one input rate, 0.3 s apart: nothing is lost, nothing is mixed up."""
    all_sent = [send(name, superframes=1, extra=1, seed=3) for name in (*names, names[0])]
    rate = 48000
    parts = [sent.through(f"rate={rate}")[0] for sent in all_sent]
    heard = listen(join(parts, rate, 0.3), rate)
    assert list(heard.packets) == [packet for sent in all_sent for packet in sent.packets]
    assert len(heard.of(modem.Ended)) == len(all_sent)
    assert "Lost" not in heard.names


def test_transmissions_may_follow_without_a_gap(send, listen) -> None:
    sent = send("cable", superframes=1, extra=1)
    faster = send("cable", 13, superframes=1)
    on_air = [s.samples[: -round(0.05 * s.rate)] for s in (sent, faster, sent)]
    heard = listen(np.concatenate([*on_air, np.zeros(4800, np.float32)]), sent.rate)
    assert heard.packets == sent.packets + faster.packets + sent.packets


@each_name
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_drop_outs_of_50_ms_every_2_s_are_made_good(send, listen, name, seed) -> None:
    """They hit one or two symbols of `phone`'s 14, three of `mp3`'s 84 or `cable`'s 24; where
    their cells are weighed as noise, the codes fill them."""
    sent = send(name, superframes=4)
    heard = listen(*sent.through("dropout=50ms/2s,noise=-55", seed))
    assert heard.packets == sent.packets
    assert heard.names[-1] == "Ended"
    assert "Lost" not in heard.names


@each_name
def test_a_drop_out_in_the_preamble_is_bridged(send, listen, name) -> None:
    """The second superframe's preamble and header are gone: it starts where the first ended."""
    sent = send(name, superframes=3)
    x = sent.samples.copy()
    length = (sent.samples.size - round((sent.profile.lead_in_s + 0.05) * sent.rate)) // 3
    start = round(sent.profile.lead_in_s * sent.rate) + length
    gap = sent.profile.preamble_samples + sent.profile.numerology.sync_samples
    x[start : start + gap] = 0
    heard = listen(x, sent.rate)
    assert heard.packets == sent.packets
    assert [e.superframe for e in heard.of(modem.Acquired)] == [0, 2]


@each_name
def test_a_long_gap_is_reported_and_survived(send, listen, name) -> None:
    sent = send(name, superframes=2, seed=5)
    x = np.concatenate((sent.samples[:-2000], np.zeros(6 * sent.rate, np.float32), sent.samples))
    # The first transmission loses its last superframe.
    cut = round((sent.profile.lead_in_s + 0.6 * sent.samples.size / sent.rate) * sent.rate)
    x[cut : sent.samples.size] = 0
    heard = listen(x, sent.rate)
    blocks = sent.speed.blocks
    assert heard.packets[:blocks] == sent.packets[:blocks]
    assert heard.packets[-2 * blocks :] == sent.packets
    assert heard.names[-1] == "Ended"


@each_name
def test_noise_behind_a_broken_off_transmission_is_no_superframe(send, listen, name) -> None:
    sent = send(name, superframes=3)
    ahead = round(sent.profile.lead_in_s * sent.rate)
    end = ahead + 2 * ((sent.samples.size - ahead - sent.rate // 20) // 3)
    noise = np.random.default_rng(7).normal(0, 0.02, 8 * sent.rate)
    heard = listen(np.concatenate((sent.samples[:end], noise)).astype(np.float32), sent.rate)
    assert heard.packets == sent.packets[: 2 * sent.speed.blocks]
    assert heard.names == ["Acquired", "Acquired", "Lost"]


@each_name
def test_a_repetition_of_60_ms_costs_one_superframe_at_most(send, listen, name) -> None:
    """The third preamble comes 60 ms after its time; nobody may look past it."""
    sent = send(name, superframes=3)
    place = sent.samples.size // 2
    x = np.concatenate((sent.samples[:place], sent.samples[place - sent.rate * 6 // 100 :]))
    heard = listen(x, sent.rate)
    assert len(heard.packets) >= 2 * sent.speed.blocks
    assert heard.names[-1] == "Ended"


@each_name
@pytest.mark.parametrize("removed", [True, False])
def test_a_slip_of_20_ms_costs_one_superframe_at_most(send, listen, name, removed) -> None:
    sent = send(name, superframes=4)
    blocks = sent.speed.blocks
    slip = sent.rate // 50
    for at in (0.4, 0.55):  # in the second and the third superframe
        place = round(at * sent.samples.size)
        resume = place + slip if removed else place - slip
        x = np.concatenate((sent.samples[:place], sent.samples[resume:]))
        heard = listen(x, sent.rate)
        assert in_order(heard.packets, sent.packets)
        assert len(heard.packets) >= 3 * blocks
        assert heard.packets[:blocks] == sent.packets[:blocks]
        assert heard.packets[-blocks:] == sent.packets[-blocks:]
        assert heard.names[-1] == "Ended"


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("phone", "band=300-3400,noise=-45,g711u"),
        ("phone", "band=300-3400,noise=-45,g711a,skew=-120"),
        ("phone", "hum=-40,noise=-50"),
        ("phone", "echo=1.5ms/-12,noise=-50"),
        ("phone", "agc,noise=-50"),
        ("mp3", "mp3=128"),
        ("mp3", "highpass=20,noise=-60"),
        ("cable", "gain=-3,skew=80,highpass=5,awgn=40"),
        ("cable", "echo=0.2ms/-20,noise=-65"),
        ("cable", "hum=-45,noise=-65"),
        ("cable", "agc=-20,noise=-65"),
    ],
)
def test_channels_of_each_kind_are_exact(send, listen, name, spec) -> None:
    sent = send(name, superframes=2, extra=1)
    heard = listen(*sent.through(f"silence=.5/.2,{spec}"))
    assert heard.packets == sent.packets


@each_name
def test_clipping_by_3_db_is_survived(send, listen, name) -> None:
    sent = send(name, superframes=1, extra=1)
    assert listen(*sent.through("clip=3")).packets == sent.packets


@each_name
def test_noise_ahead_does_not_spoil_the_start(send, listen, name) -> None:
    """Half a second of noise as loud as the signal, a click, then the transmission."""
    sent = send(name, superframes=1)
    rng = np.random.default_rng(6)
    level = 10 ** (sent.profile.level_dbfs / 20)
    noise = rng.normal(0, level, sent.rate // 2)
    noise[-200] = 1.0
    x = np.concatenate((noise, sent.samples)).astype(np.float32)
    assert listen(x, sent.rate).packets == sent.packets


@each_name
def test_a_burst_of_invalid_samples_is_a_drop_out(send, listen, name) -> None:
    sent = send(name, superframes=2)
    x = sent.samples.copy()
    place = round(0.3 * x.size)
    x[place : place + 20] = np.nan
    x[place + 100] = np.inf
    x[place + 101] = -np.inf
    heard = listen(x, sent.rate)
    assert heard.packets == sent.packets


@pytest.mark.parametrize("size", [1e25, 3e38])
def test_absurdly_large_samples_are_survived(send, listen, size) -> None:
    """A damaged float file: one such sample half a second ahead of the signal."""
    sent = send("phone", superframes=1)
    x = np.concatenate((np.zeros(8000, np.float32), sent.samples))
    x[1000] = size
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        assert listen(x, sent.rate).packets == sent.packets
