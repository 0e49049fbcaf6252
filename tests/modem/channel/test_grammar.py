"""The grammar of channel specifications: order, seeds, bundles, and every way to get it wrong."""

import importlib.util

import numpy as np
import pytest

from modem.channel import ChannelError, bundles, parse, steps

FS = 8000


def tone(seconds: float = 1.0) -> np.ndarray:
    return (0.25 * np.sin(2 * np.pi * 1000 / FS * np.arange(round(seconds * FS)))).astype("f4")


def test_an_empty_specification_changes_nothing() -> None:
    samples, rate = parse("").apply(tone(), FS)
    assert rate == FS
    np.testing.assert_array_equal(samples, tone())


def test_steps_act_from_left_to_right() -> None:
    noisy, _ = parse("silence=1,noise=-30").apply(tone(), FS)
    clean, _ = parse("noise=-30,silence=1").apply(tone(), FS)
    assert np.std(noisy[:FS]) == pytest.approx(10 ** (-30 / 20), rel=0.05)
    assert not clean[:FS].any()


def test_the_input_is_never_changed() -> None:
    x = tone()
    for name in ("invert", "dropout=50ms/200ms", "noise=-20", "loss=50%", "clip=6"):
        parse(name).apply(x, FS)
    np.testing.assert_array_equal(x, tone())


MISSING = set() if importlib.util.find_spec("av") else {"amr", "opus"}


@pytest.mark.parametrize("name", sorted(set(steps) - MISSING))
def test_every_example_applies_to_any_length_and_repeats_for_a_seed(name: str) -> None:
    spec = steps[name].example
    x = np.stack((tone(), -tone()), axis=1) if name == "crosstalk" else tone()
    for count in (0, 1, 7, FS):
        first, rate = parse(spec, 5).apply(x[:count], FS)
        again, _ = parse(spec, 5).apply(x[:count], FS)
        assert first.dtype == np.float32
        assert first.flags.c_contiguous
        assert np.isfinite(first).all()
        assert rate == (44100 if name == "rate" else FS)
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("spec", ["awgn=20", "noise=-40", "loss=20%", "hum", "room=100ms"])
def test_another_seed_gives_another_channel(spec: str) -> None:
    a, _ = parse(spec, 1).apply(tone(), FS)
    b, _ = parse(spec, 2).apply(tone(), FS)
    assert not np.array_equal(a, b)


def test_each_step_has_its_own_noise() -> None:
    both, _ = parse("noise=-20,noise=-20", 3).apply(np.zeros(FS, "f4"), FS)
    assert np.std(both) == pytest.approx(0.1 * np.sqrt(2), rel=0.03)


def test_sides_of_a_stereo_signal_share_events_but_not_noise() -> None:
    x = np.stack((tone(), tone()), axis=1)
    noisy, _ = parse("noise=-20", 3).apply(x, FS)
    assert abs(np.corrcoef((noisy - x).T)[0, 1]) < 0.05
    gaps, _ = parse("dropout=50ms/200ms", 3).apply(x, FS)
    np.testing.assert_array_equal(gaps[:, 0], gaps[:, 1])


NOISY = {"awgn", "noise", "tape"}


@pytest.mark.parametrize("name", sorted(set(steps) - MISSING - {"stereo", "crosstalk", "cut"}))
def test_every_step_takes_both_sides_at_192_khz(name: str) -> None:
    """Sides that are the same stay the same, but for noise."""
    rate = 192000
    side = 0.2 * np.random.default_rng(2).standard_normal(rate // 10).astype("f4")
    heard, _ = parse(steps[name].example, 3).apply(np.stack((side, side), axis=1), rate)
    assert heard.shape[1] == 2
    assert np.isfinite(heard).all()
    assert heard.any()
    assert np.array_equal(heard[:, 0], heard[:, 1]) == (name not in NOISY)


def test_noise_is_so_far_below_each_side() -> None:
    x = np.stack((tone(), 0.1 * tone()), axis=1)
    noisy, _ = parse("awgn=20", 3).apply(x, FS)
    level_db = 10 * np.log10(np.mean((noisy - x) ** 2, axis=0) / np.mean(x**2, axis=0))
    assert level_db == pytest.approx([-20, -20], abs=0.3)


@pytest.mark.parametrize("name", sorted(bundles))
def test_a_bundle_stands_for_its_steps(name: str) -> None:
    assert str(parse(name)) == str(parse(bundles[name])) == bundles[name]
    followed = parse(f"{name},invert,gain=-6")
    assert [link.name for link in followed.links][-2:] == ["invert", "gain"]


def test_units_and_spaces_are_understood() -> None:
    a = parse(" AWGN = 30 dB , dropout=50 ms / 2 s,band=0.3kHz-3.4khz,loss=5 % ,skew=-80ppm")
    b = parse("awgn=30,dropout=0.05/2,band=300-3400,loss=5,skew=-80")
    assert [link.values for link in a.links] == [link.values for link in b.links]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("foo=3", "no channel step is called 'foo=3'; there are agc, amr"),
        ("fon", "and the bundles air, cable"),
        ("awgn=30,,invert", "a channel step is empty"),
        ("awgn=30,", "a channel step is empty"),
        ("=3", "a channel step is empty"),
        ("awgn", "awgn needs a signal-to-noise ratio in dB, as in awgn=30"),
        ("awgn=", "takes a signal-to-noise ratio in dB, not ''"),
        ("awgn=loud", "in 'awgn=loud': awgn takes a signal-to-noise ratio in dB, not 'loud'"),
        ("awgn=nan", "not 'nan'"),
        ("awgn=1e999", "must be from -60 to 200, got 1e999"),
        ("awgn=30s", "not '30s'"),
        ("skew=1e9", "must be from -100000 to 100000, got 1e9"),
        ("clip=-3", "must be from 0 to 60, got -3"),
        ("loss=101%", "must be from 0 to 100, got 101%"),
        ("invert=1", "invert takes no value"),
        ("g711u=8", "g711u takes no value"),
        ("mp3=77", "mp3 can be 8, 16, 24"),
        ("band=300", "takes two frequencies such as 300-3400, not '300'"),
        ("band=300-", "takes two frequencies"),
        ("band=3400-300", "needs the smaller of its two numbers first"),
        ("dropout=50ms", "takes a length and a period such as 50ms/2s"),
        ("dropout=3s/2s", "needs the smaller of its two numbers first"),
        ("dropout=50ms/2km", "not '2km'"),
        ("slip=", "takes a length and a period"),
        ("echo", "echo needs a delay and a gain"),
        ("echo=4ms/-9+", "takes a delay and a gain in dB such as 4.1ms/-9, not ''"),
        ("echo=-1ms/-9", "must be from 0 to 60"),
        ("silence=1/", "takes a number of seconds, not '1/'"),
        ("cut=-1", "must be from 0 to 3600"),
        ("stereo", "stereo needs a value: left or right"),
        ("stereo=up", "stereo can be left or right, not 'up'"),
        ("crosstalk", "crosstalk needs a number of dB, at most 0, as in crosstalk=-40"),
        ("crosstalk=3", "must be from -200 to 0, got 3"),
    ],
)
def test_a_bad_specification_is_named_in_one_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(ChannelError) as caught:
        parse(spec)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ChannelError, match="seed must be at least 0, got -1"):
        parse("invert", seed=-1)
    with pytest.raises(ChannelError, match="got shape"):
        parse("invert").apply(np.zeros((2, 2, 2)), FS)
    with pytest.raises(ChannelError, match="sample_rate must be at least 1 Hz, got 0"):
        parse("invert").apply(tone(), 0)
    with pytest.raises(ChannelError, match="'stereo=left' cannot be applied: it needs a mono"):
        parse("stereo=left,stereo=left").apply(tone(), FS)
    with pytest.raises(ChannelError, match="'crosstalk=-40' cannot be applied: it needs a stereo"):
        parse("crosstalk=-40").apply(tone(), FS)
