"""What is measured of a loop, against what the simulated channel is known to do."""

import numpy as np
import pytest
from dialtone.calibration import fitting, judging, measuring, trying
from dialtone.calibration.locating import locate
from dialtone.calibration.quiet import quiet
from dialtone.calibration.testsound import HIGH, LOW_HZ, PERIODS, TestSound

import modem
from modem import channel

from .simulated_loop import SimulatedLoop

RATE = 48000
FULL_BAND_DB = 10 * np.log10(RATE / 2)


def silent(done: float, note: str = "", **facts: object) -> None:
    """A meter that nobody looks at."""


@pytest.fixture(scope="module")
def sound() -> TestSound:
    return TestSound(RATE, 1)


def measured(spec: str, sound: TestSound, **options: object) -> measuring.Measurement:
    loop = SimulatedLoop(spec, lanes=sound.lanes, rate=sound.rate, **options)  # type: ignore[arg-type]
    heard = loop.play(sound.samples, sound.rate, HIGH * sound.rate, silent)
    found = measuring.measure(heard, loop.record_rate, sound)
    assert found is not None
    return found


def middle(found: measuring.Measurement, low: float = 500, high: float = 3000) -> np.ndarray:
    return (found.hz >= low) & (found.hz <= high)


def test_the_sound_is_what_it_claims(sound: TestSound) -> None:
    samples = sound.samples[:, 0]
    assert np.abs(samples).max() == pytest.approx(1.0, abs=1e-6)
    assert sound.seconds < 13
    step = sound.steps[-1]
    one = np.fft.rfft(samples[step.start : step.start + sound.period])
    power = np.abs(one) ** 2
    assert power[sound.idle].max() < 1e-9 * power[sound.lines[0]].min()
    # Flat, and as loud as it says.
    assert np.ptp(10 * np.log10(power[sound.lines[0]])) < 0.01
    rms = np.sqrt(np.mean(samples[step.start : step.start + sound.period] ** 2))
    assert 20 * np.log10(rms) == pytest.approx(sound.rms_dbfs(), abs=0.01)
    # Instantaneous frequency of Farina's sweep: LOW_HZ * (top / LOW_HZ) ** (t / T).
    half = sound.sweep.size // 2
    crossings = np.flatnonzero(np.diff(np.signbit(sound.sweep[half - 480 : half + 480])))
    hertz = (crossings.size - 1) / 2 / ((crossings[-1] - crossings[0]) / RATE)
    assert hertz == pytest.approx(np.sqrt(LOW_HZ * HIGH * RATE), rel=0.03)


def test_lanes_have_lines_of_their_own() -> None:
    sound = TestSound(RATE, 2)
    left, right, idle = map(set, (*sound.lines, sound.idle))
    assert not left & right
    assert not (left | right) & idle


@pytest.mark.parametrize(
    ("spec", "ppm"),
    [
        ("", 0.0),
        ("skew=80", 80.0),
        ("skew=-200,noise=-40", -200.0),
        ("skew=33.3,band=300-3400,noise=-45", 33.3),
        ("hum=-40,skew=12,gain=-20,noise=-60", 12.0),
        ("skew=100,room=300ms,noise=-50", 100.0),
        ("skew=7,agc,noise=-60", 7.0),
        ("skew=7,clip=6", 7.0),
    ],
)
def test_clock(sound: TestSound, spec: str, ppm: float) -> None:
    found = measured(spec, sound)
    assert found.place.clock_ppm == pytest.approx(ppm, abs=0.1)
    assert found.place.slips == 0


@pytest.mark.parametrize("spec", ["", "gain=-30,noise=-70", "hum=-30", "highpass=20,awgn=30"])
@pytest.mark.parametrize("late_s", [0.4, 1.2345])
def test_delay_is_exact(sound: TestSound, spec: str, late_s: float) -> None:
    found = measured(spec, sound, late_s=late_s)
    assert found.delay_s * RATE == pytest.approx(round(late_s * RATE), abs=0.1)


def test_response_of_a_high_pass_and_an_echo(sound: TestSound) -> None:
    found = measured("highpass=300,echo=1ms/-6,skew=50,noise=-80", sound)
    hz = found.hz
    # The bilinear transform warps the analogue corner and frequencies alike.
    warped = np.tan(np.pi * hz / RATE) / np.tan(np.pi * 300 / RATE)
    wanted = warped / np.sqrt(1 + warped**2)
    wanted = wanted * np.abs(1 + 10 ** (-6 / 20) * np.exp(-2j * np.pi * hz * 0.001))
    heard = np.abs(found.best.lanes[0].gain)
    assert np.abs(20 * np.log10(heard / wanted)).max() < 0.5


def test_gain_and_levels(sound: TestSound) -> None:
    found = measured("gain=-12.3,noise=-80", sound)
    best = found.best
    assert 20 * np.log10(np.abs(best.lanes[0].gain)).mean() == pytest.approx(-12.3, abs=0.05)
    assert best.peak_dbfs == pytest.approx(-12.3, abs=0.1)
    assert best.rms_dbfs == pytest.approx(sound.rms_dbfs() - 12.3, abs=0.05)
    assert best.overload is None


@pytest.mark.parametrize("noise_dbfs", [-30, -50, -70, -90])
def test_noise(sound: TestSound, noise_dbfs: float) -> None:
    best = measured(f"gain=-3,skew=20,noise={noise_dbfs}", sound).best
    assert best.quiet.noise_dbfs == pytest.approx(noise_dbfs, abs=0.3)
    wanted = noise_dbfs - FULL_BAND_DB
    assert 10 * np.log10(best.noise.mean()) == pytest.approx(wanted, abs=0.3)
    assert np.abs(10 * np.log10(best.noise[100:]) - wanted).max() < 3
    assert best.quiet.hum_hz is None


def test_snr_is_that_of_theory(sound: TestSound) -> None:
    found = measured("gain=-6,noise=-60,skew=-40", sound)
    for name in ("cable", "air", "phone"):
        profile = modem.profiles[name]
        speed = profile.speeds[profile.default_speed - 1]
        width_hz = speed.top_hz - profile.numerology.carrier_hz[0]
        sent = profile.level_dbfs - 6 - 10 * np.log10(width_hz)
        fit = fitting.predict(found, profile, speed)
        assert fit.snr_db == pytest.approx(sent - (-60 - FULL_BAND_DB), abs=1.0)


def test_distortion_is_told_from_noise(sound: TestSound) -> None:
    loop = SimulatedLoop("noise=-90")
    x = sound.samples[:, 0] / 2

    def cubed(samples: np.ndarray) -> np.ndarray:
        return (samples + 0.05 * samples**3).astype(np.float32)

    heard = loop.play(cubed(x), RATE, HIGH * RATE, silent)
    found = measuring.measure(heard, RATE, sound)
    assert found is not None
    best = found.best
    # The cube of a Gaussian signal g of power p is 3 p g and a rest of power 6 p**3 (Bussgang).
    power = float(np.mean(x[sound.steps[-1].start :][: sound.period] ** 2))
    wanted = 10 * np.log10(0.05**2 * 6 * power**3)
    inside = middle(found, 2000, 18000)
    heard_dbfs = 10 * np.log10(best.distortion[inside].mean()) + FULL_BAND_DB
    assert heard_dbfs == pytest.approx(wanted, abs=1.5)
    assert best.quiet.noise_dbfs == pytest.approx(-90, abs=0.3)


@pytest.mark.parametrize("depth_db", [3, 9, 14])
@pytest.mark.parametrize("skew", ["", ",skew=9"])
def test_clipping(sound: TestSound, depth_db: float, skew: str) -> None:
    spec = f"gain={depth_db}{skew}"
    # What clips is the recording's own converter: the channel stands ahead of it.
    whole, _ = channel.parse(f"silence=0.4,{spec}").apply(sound.samples[:, 0], RATE)
    begin = round(0.4 * RATE) + sound.steps[-1].start
    loudest = np.abs(whole[begin : begin + PERIODS * sound.period])
    found = measured(spec, sound)
    clips = found.best.overload
    assert clips is not None
    assert clips.share == pytest.approx(float((loudest > 1).mean()), rel=0.05)
    assert clips.starts_db == pytest.approx(-20 * np.log10(loudest.max()), abs=0.2)
    assert clips.at_full_scale
    assert found.level_db <= -depth_db + 0.7
    (said,) = judging.judge(found, None, 0).details[:1]
    assert said.startswith("turn the input down by ")
    assert "% of the samples clip" in said


def test_something_that_clips_ahead_of_the_input(sound: TestSound) -> None:
    found = measured("clip=6,gain=-10,noise=-70", sound)
    clips = found.best.overload
    assert clips is not None
    assert not clips.at_full_scale
    assert clips.limit_dbfs == pytest.approx(-16, abs=0.2)
    assert "turn the output down by" in judging.judge(found, None, 0).details[0]


def test_no_clipping_where_there_is_none(sound: TestSound) -> None:
    for spec in (
        "",
        "noise=-25",
        "band=300-3400,noise=-45",
        "room=300ms,gain=-15",
        "hum=-20,gain=-6",
    ):
        found = measured(spec, sound)
        assert found.best.overload is None
        assert found.level_db == 0


def test_automatic_gain_is_suspected(sound: TestSound) -> None:
    assert any("AGC" in each for each in judging.judge(measured("agc", sound), None, 0).details)
    for spec in ("noise=-40", "gain=8", "room=200ms,gain=-12"):
        details = judging.judge(measured(spec, sound), None, 0).details
        assert not any("AGC" in each for each in details), spec


def test_drop_outs_are_not_taken_for_clipping(sound: TestSound) -> None:
    for spec, least, most in (("dropout=50ms/1s", 3, 5), ("dropout=20ms/2s", 1, 3)):
        found = measured(f"{spec},noise=-60", sound)
        assert found.best.overload is None
        assert found.level_db == 0
        assert least <= found.best.gaps <= most
        (said,) = judging.judge(found, None, 0).details
        assert said.startswith(f"the sound drops out {found.best.gaps} time")
    for spec in ("noise=-25", "agc,noise=-60", "room=300ms,gain=-15", "band=300-3400,noise=-45"):
        assert measured(spec, sound).best.gaps == 0, spec


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum(mains_hz: int) -> None:
    rng = np.random.default_rng(3)
    time = np.arange(2 * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * mains_hz * 1.0003 * k * time + k) / k for k in (1, 2, 3, 5))
    hum *= 10 ** (-50 / 20) / np.sqrt(np.mean(hum**2))
    heard = quiet(hum + 10 ** (-62 / 20) * rng.standard_normal(time.size) + 0.03, RATE)
    assert heard.hum_hz == mains_hz
    assert heard.hum_dbfs == pytest.approx(-50, abs=0.3)
    assert heard.noise_dbfs == pytest.approx(-62, abs=0.5)
    assert heard.hum_above_noise_db == pytest.approx(12, abs=0.8)
    assert heard.dc == pytest.approx(0.03, abs=1e-4)


def test_hum_is_said(sound: TestSound) -> None:
    details = judging.judge(measured("gain=-6,noise=-60,hum=-45", sound), None, 0).details
    (said,) = (each for each in details if "hum" in each)
    assert said.startswith("hum at 50 Hz, 15 dB above the noise and 28 dB below the signal")
    loud = measured("gain=-6,noise=-70,hum=-12", sound)
    assert loud.best.signal_dbfs == pytest.approx(sound.rms_dbfs() - 6, abs=0.3)
    (said,) = (each for each in judging.judge(loud, None, 0).details if "hum" in each)
    assert "and 5 dB above the signal" in said


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("gain=-20,noise=-45", "the noise is only 14 dB below the signal: "),
        ("gain=-20,noise=-30", "the noise is 1 dB above the signal: "),
        ("gain=-6,noise=-45", None),
    ],
)
def test_much_noise_is_said(sound: TestSound, spec: str, said: str | None) -> None:
    details = judging.judge(measured(spec, sound), None, 0).details
    assert [each for each in details if "noise" in each] == [
        each for each in details if said and each.startswith(said)
    ]
    assert bool(said) == any("noise" in each for each in details)


def test_noise_does_not_hide_that_the_sound_is_soft(sound: TestSound) -> None:
    found = measured("gain=-30,noise=-35", sound)
    assert found.best.peak_dbfs > -25
    (said,) = (each for each in judging.judge(found, None, 0).details if "peaks" in each)
    assert said == "turn the output or the input up: the peaks reach only -30 dBFS"


def test_polarity_and_echo(sound: TestSound) -> None:
    kept = measured("noise=-60", sound).best.lanes[0]
    turned = measured("invert,noise=-60,echo=11ms/-14", sound).best.lanes[0]
    assert (judging.polarity(kept), judging.polarity(turned)) == ("kept", "reversed")
    assert judging.echo(kept) is None
    late = judging.echo(turned)
    assert late is not None
    assert late[0] == pytest.approx(0.011, abs=2e-4)
    assert late[1] == pytest.approx(-14, abs=1)


def test_sides() -> None:
    sound = TestSound(RATE, 2)
    plain = SimulatedLoop("noise=-70", lanes=2).play(sound.samples, RATE, 0, silent)
    ways = {
        "apart": plain,
        "swapped": plain[:, ::-1],
        "left only": np.stack((plain[:, 0], 0.001 * plain[:, 0]), axis=1),
        "mixed": np.repeat(plain.mean(axis=1, keepdims=True), 2, axis=1),
        "cancelled": np.repeat(plain @ np.float32([[0.5], [-0.5]]), 2, axis=1),
        "mono": plain.mean(axis=1, keepdims=True),
    }
    rng = np.random.default_rng(9)
    hiss = 0.1 * rng.standard_normal(len(plain))
    ways["right only"] = np.stack((hiss, 0.1 * plain[:, 1]), axis=1).astype(np.float32)
    for wanted, heard in ways.items():
        found = measuring.measure(np.ascontiguousarray(heard), RATE, sound)
        assert found is not None
        assert fitting.sides(found) == wanted


@pytest.mark.parametrize("at_s", [5.0, 8.0])
@pytest.mark.parametrize("samples", [-480, 480, 5])
def test_lost_and_repeated_samples_are_counted(sound: TestSound, at_s: float, samples: int) -> None:
    heard = SimulatedLoop("noise=-60").play(sound.samples, RATE, 0, silent)
    at = round(at_s * RATE)
    heard = np.concatenate((heard[:at], heard[at + samples :]))
    place = locate(heard, sound)
    assert place is not None
    assert place.slips == 1
    found = measuring.measure(heard, RATE, sound)
    assert found is not None
    assert any("loses or repeats" in each for each in judging.judge(found, None, 0).details)


def test_a_recording_of_another_rate(sound: TestSound) -> None:
    found = measured("skew=-15,noise=-60,rate=44100", sound)
    assert found.place.clock_ppm == pytest.approx(-15, abs=0.1)
    assert found.hz[-1] < 22050
    assert 20 * np.log10(np.abs(found.best.lanes[0].gain)).mean() == pytest.approx(0, abs=0.1)
    names = {fit.profile.name for fit in fitting.fits(found, modem.profiles.values())}
    assert names == {"phone", "mp3", "air"}  # the band of `cable` reaches beyond


def test_of_two_sides_the_louder_is_judged() -> None:
    """Both have the same SNR; the softer one does arrive."""
    sound = TestSound(RATE, 2)
    plain = SimulatedLoop("noise=-70", lanes=2).play(sound.samples, RATE, 0, silent)
    for number, balance in enumerate(([1, 0.05], [0.05, 1])):
        found = measuring.measure(plain * np.float32(balance), RATE, sound)
        assert found is not None
        assert found.best is found.channels[number]
        assert fitting.sides(found) == "apart"


def test_a_sound_that_is_switched_on_and_off(sound: TestSound) -> None:
    """As noise suppression does: no warning of a division, and a number that means something."""
    heard = SimulatedLoop("noise=-60").play(sound.samples, RATE, 0, silent)
    heard[np.convolve(heard[:, 0] ** 2, np.ones(2400) / 2400, "same") < 0.001] = 0
    with np.errstate(all="raise", under="ignore"):
        found = measuring.measure(heard, RATE, sound)
    assert found is not None
    (said,) = (each for each in judging.judge(found, None, 0).details if "gain" in each)
    assert said.startswith("the gain moves by more than 40 dB with the sound: ")


def test_other_sounds_are_not_taken_for_it(sound: TestSound) -> None:
    rng = np.random.default_rng(5)
    time = np.arange(13 * RATE) / RATE
    others = [
        np.zeros(time.size),
        rng.standard_normal(time.size) * 0.1,
        np.sin(2 * np.pi * 440 * time),
        np.sin(2 * np.pi * (100 + 400 * time) * time),
        np.cumsum(rng.standard_normal(time.size)) / 1000,
    ]
    for other in others:
        assert measuring.measure(other.astype(np.float32)[:, None], RATE, sound) is None
    assert measuring.measure(np.zeros((10, 1), np.float32), RATE, sound) is None


def test_what_to_say_of_silence() -> None:
    rng = np.random.default_rng(6)
    dead = measuring.silences(np.zeros((RATE, 1), np.float32), RATE)
    assert judging.unheard(dead).headline == "nothing was heard: is the cable in?"
    noise = (0.001 * rng.standard_normal((RATE, 1))).astype(np.float32)
    assert "only noise of -60 dBFS" in judging.unheard(measuring.silences(noise, RATE)).details[0]
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(2 * RATE)[:, None] / RATE)
    loose = (np.tile(noise, (2, 1)) + hum).astype(np.float32)
    (said,) = judging.unheard(measuring.silences(loose, RATE)).details
    assert said.startswith("the input hears only hum at 50 Hz, as with a cable that ends nowhere")


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("gain=-6,noise=-60,skew=80", "cable"),
        ("gain=-30,noise=-60,highpass=20", "cable"),
        ("noise=-45,skew=-30,band=300-3400", "phone"),
        ("room=200ms,noise=-55,gain=-15", "air"),
        ("echo=11ms/-10,noise=-60,gain=-6", "phone"),
        ("band=100-18000,noise=-60,gain=-3", "mp3"),
        ("band=100-20000,noise=-60,gain=-3", "cable"),
    ],
)
def test_predictions_agree_with_the_decoder(sound: TestSound, spec: str, name: str) -> None:
    found = measured(spec, sound)
    profile = modem.profiles[name]
    (fit,) = fitting.fits(found, [profile])
    trial = trying.transmit(SimulatedLoop(spec, seed=1), fit, 0.0, silent)
    assert trial.arrived, trial
    assert not trial.packets_lost
    # And a speed that should be too fast by far is.
    fits = [fitting.predict(found, profile, speed) for speed in profile.speeds]
    hopeless = [fit for fit in fits if fit.margin_db < -3]
    if hopeless:
        best = max(hopeless, key=lambda fit: fit.margin_db)
        assert not trying.transmit(SimulatedLoop(spec, seed=1), best, 0.0, silent).arrived
