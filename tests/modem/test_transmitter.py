"""The transmitter: lengths, levels, cuts, and samples rebuilt from the description on the air."""

import numpy as np
import pytest

import modem
from modem.header import BurstHeader
from modem.superframe import layout
from modem.transmitter import sync_cells

from .ladder import telling_speeds

NAMES = list(modem.profiles)


def packets_for(tx: modem.Transmitter, count: int, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(tx.packet_bytes) for _ in range(count)]


def transmit(tx: modem.Transmitter, packets: list[bytes]) -> np.ndarray:
    return np.concatenate((tx.process(packets), tx.flush()))


@pytest.mark.parametrize("name", NAMES)
def test_air_seconds_is_exact(name: str) -> None:
    profile = modem.profiles[name]
    for speed in (2, profile.default_speed):
        blocks = profile.speed(speed).blocks
        for count in {1, 2, blocks - 1 or 1, blocks, blocks + 1, 3 * blocks, 3 * blocks + 1}:
            tx = modem.Transmitter(profile, speed)
            samples = transmit(tx, packets_for(tx, count))
            assert len(samples) == round(tx.air_seconds(count) * profile.sample_rate)
            assert len(samples) / profile.sample_rate == pytest.approx(
                tx.air_seconds(count), abs=1e-9
            )
    assert modem.Transmitter(profile).air_seconds(0) == 0


@pytest.mark.parametrize("name", NAMES)
def test_samples_do_not_depend_on_how_packets_are_handed_over(name: str) -> None:
    profile = modem.profiles[name]
    tx = modem.Transmitter(profile)
    packets = packets_for(tx, 2 * profile.speed(None).blocks + 1)
    whole = transmit(tx, packets)
    for size in (1, 7, 1000):
        tx = modem.Transmitter(profile)
        parts = [tx.process([])]
        parts += [tx.process(packets[i : i + size]) for i in range(0, len(packets), size)]
        np.testing.assert_array_equal(np.concatenate([*parts, tx.flush()]), whole)
    assert whole.dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_a_transmitter_starts_anew_after_flush(name: str) -> None:
    tx = modem.Transmitter(modem.profiles[name])
    first = transmit(tx, packets_for(tx, 2))
    assert tx.flush().size == 0
    np.testing.assert_array_equal(transmit(tx, packets_for(tx, 2)), first)


@pytest.mark.parametrize("name", NAMES)
def test_speeds_stay_within_full_scale_at_their_level(name: str) -> None:
    profile = modem.profiles[name]
    for speed in telling_speeds(profile):
        tx = modem.Transmitter(profile, speed.number)
        samples = transmit(tx, packets_for(tx, speed.blocks, speed.number))
        assert np.abs(samples).max() <= 1
        rate = profile.sample_rate
        on = samples[round(profile.lead_in_s * rate) : -round(0.05 * rate)]
        level = 10 * np.log10(np.mean(on.astype(float) ** 2))
        # Where the speed leaves carriers empty they carry no power.
        plan = layout(profile, speed, speed.blocks)
        share = plan.loaded.size / plan.reference.size
        floor = profile.level_dbfs + 10 * np.log10(share) - 0.3
        assert floor < level < profile.level_dbfs + 0.3
        assert not samples[-round(0.05 * rate) :].any()


@pytest.mark.parametrize("name", NAMES)
def test_no_header_makes_the_sync_symbol_clip(name: str) -> None:
    """Random QPSK of these sizes peaks at 14 dB once in thousands; the sync symbol carries what
    the whole superframe depends on and must not be worse."""
    profile = modem.profiles[name]
    crests = []
    for number in range(300):
        speed = profile.speeds[number % len(profile.speeds)]
        last, variant = number % 7 == 0, profile.variant
        header = BurstHeader(speed.number, speed.blocks, last, number, variant)
        x = profile.numerology.modulate(sync_cells(profile, header)[None], 0)
        crests.append(20 * np.log10(np.abs(x).max() / np.sqrt(np.mean(x**2))))
    assert max(crests) < 14.5
    assert np.median(crests) < 12


def test_lead_in_rises_to_the_level_of_the_signal() -> None:
    for profile in modem.profiles.values():
        tx = modem.Transmitter(profile)
        samples = transmit(tx, packets_for(tx, 1))
        lead = samples[: round(profile.lead_in_s * profile.sample_rate)]
        assert np.abs(lead[0]).max() < 1e-6
        settled = lead[profile.sample_rate // 50 :]
        level = 10 * np.log10(np.mean(settled**2))
        assert level == pytest.approx(profile.level_dbfs, abs=0.5)


@pytest.mark.parametrize("name", NAMES)
def test_a_superframe_is_built_as_described(name: str) -> None:
    """Preamble, sync symbol with two prefixes, payload symbols with one, and behind two lanes the
    closing symbol; written out by FFT."""
    profile = modem.profiles[name]
    waveform = profile.numerology
    tx = modem.Transmitter(profile)
    packets = packets_for(tx, profile.speed(None).blocks + 1)
    samples = transmit(tx, packets) / 10 ** (profile.level_dbfs / 20)
    plan = layout(profile, tx.speed, tx.speed.blocks)
    limit = 10 ** (-profile.level_dbfs / 20) * 0.999

    def symbol(cells: np.ndarray, prefix: int) -> np.ndarray:
        spectrum = np.zeros(waveform.fft_size, complex)
        spectrum[waveform.carriers] = cells
        x = np.fft.ifft(spectrum).real * waveform.fft_size * np.sqrt(2 / cells.size)
        return np.concatenate((x[x.size - prefix :], x))

    preamble = profile.preamble.waveform(profile.sample_rate)
    sync = waveform.reference.astype(complex)
    band = np.flatnonzero(waveform.carrier_hz <= waveform.header_hz)[1::2]
    header = BurstHeader(tx.speed.number, tx.speed.blocks, False, 0, profile.variant)
    sync[band] *= header.cells(band.size)
    payload = np.split(plan.encode(packets[: tx.speed.blocks]), profile.lanes, axis=1)
    for lane, side in enumerate(samples.T.reshape(profile.lanes, -1)):
        parts = [preamble, symbol(sync * 1j**lane, 2 * waveform.prefix)]
        parts += [symbol(cells, waveform.prefix) for cells in payload[lane]]
        if profile.lanes == 2:
            parts.append(symbol(waveform.reference * (1, -1j)[lane], waveform.prefix))
        start = round(profile.lead_in_s * profile.sample_rate)
        for expected in [*parts, preamble]:  # the next superframe follows without a gap
            found = side[start : start + expected.size]
            inside = np.abs(found) < limit
            assert inside.mean() > 0.99
            np.testing.assert_allclose(found[inside], expected[inside], atol=2e-4)
            start += expected.size


def test_the_robust_form_repeats_its_sync_symbol() -> None:
    """Header and training change places from one to the next; the last is the usual one."""
    profile = modem.profiles["phone"]
    waveform = profile.numerology
    tx = modem.Transmitter(profile, 1)
    samples = transmit(tx, packets_for(tx, 1)) / 10 ** (profile.level_dbfs / 20)
    robust = profile.mode(tx.speed)
    start = round(profile.lead_in_s * profile.sample_rate)
    preamble = robust.preamble.waveform(profile.sample_rate)
    np.testing.assert_allclose(samples[start : start + 1024], preamble, atol=2e-4)
    header = BurstHeader(1, 1, True, 0).cells(198 + 199 + 198 + 199 + 198 + 199)
    sent = 0
    for repeat in range(6):
        window = start + 1024 + 64 + repeat * 1056
        prefix = 64 if repeat == 0 else 32
        body = samples[window : window + 1024]
        np.testing.assert_array_equal(samples[window - prefix : window], body[-prefix:])
        cells = waveform.demodulate(body[None].astype(np.float32))[0]
        expected = waveform.reference.astype(complex)
        place = slice(repeat % 2 == 1, None, 2)
        count = expected[place].size
        expected[place] *= header[sent : sent + count]
        sent += count
        # Clipped peaks cost a little everywhere.
        assert np.sqrt(np.mean(np.abs(cells - expected) ** 2)) < 0.02
    assert samples.size == round(tx.air_seconds(1) * profile.sample_rate)


def test_wrong_calls_are_refused_and_leave_no_trace() -> None:
    profile = modem.profiles["phone"]
    tx = modem.Transmitter(profile)
    good = packets_for(tx, 1)
    for wrong in (b"", good[0][:-1], good[0] + b"x"):
        with pytest.raises(modem.ConfigError, match=str(len(wrong))):
            tx.process([*good, wrong])
    assert tx.flush().size == 0
    with pytest.raises(modem.ConfigError, match="-1"):
        tx.air_seconds(-1)
    for speed in (0, len(profile.speeds) + 1):
        with pytest.raises(modem.ConfigError, match=str(speed)):
            modem.Transmitter(profile, speed)
