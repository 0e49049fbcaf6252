"""Ladders of speeds: constellation, code and blocks for rising signal-to-noise ratios."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, floor, log2

from modem.profile import CRC_BITS, Speed
from modem.sync.preamble import Preamble
from modem.waveforms.ofdm import Numerology

_HIGHEST_RATE = 0.8  # of the inner code; beyond, a larger constellation does better


def gap_db(order: int) -> float:
    """What a superframe needs above the Shannon limit of its bits per carrier to be free of lost
    blocks [dB]: constellation, code, channel estimate, clock. A fit, to within 0.4 dB, to the SNR
    for 1 % of failed blocks in frame_errors.csv, and 0.3 dB on top."""
    return 1.85 + 0.03 * order + 0.0025 * order**2


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of a ladder: shannon_db, the SNR at which a Gaussian channel's capacity is what a
    loaded carrier holds [dB]; top_hz, the highest carrier that is loaded [Hz]."""

    shannon_db: float
    top_hz: float

    @property
    def bits(self) -> float:
        """Information bits of a loaded carrier and symbol."""
        return log2(1 + 10 ** (self.shannon_db / 10))

    @property
    def order(self) -> int:
        """Bits of the constellation: the smallest that a rate of 0.8 fills."""
        return 2 * max(ceil(self.bits / (2 * _HIGHEST_RATE)), 1)


def shape_of(order: int, rate: float) -> float:
    """Shape of the levels that lets this constellation carry order * rate bits at the lowest SNR,
    to within 0.05 dB of the best found by numeric integration of the bit-wise mutual
    information; QPSK has none."""
    return 0.0 if order == 2 else 0.97 - 2.1 * max(rate - 0.6, 0.0) ** 2


def parity_blocks(data_blocks: int) -> int:
    """Reed-Solomon parity blocks of a superframe with so many data blocks: one in 64. Against noise
    a lower speed is the better remedy, and lost superframes are the fountain code's."""
    return data_blocks // 64


def _data_blocks(least: int) -> tuple[int, int]:
    """Data blocks and all blocks of the smallest superframe of at least so many blocks."""
    data = 1
    while data + parity_blocks(data) < least:
        data += 1
    return data, data + parity_blocks(data)


def loaded_carriers(numerology: Numerology, top_hz: float) -> int:
    """How many carriers are loaded, from the lowest up."""
    return int((numerology.carrier_hz <= top_hz).sum())


def symbol_cells(numerology: Numerology, top_hz: float) -> int:
    """Data cells of a payload symbol, in each lane."""
    loaded = loaded_carriers(numerology, top_hz)
    return loaded - loaded // numerology.pilot_spacing


@dataclass(frozen=True, slots=True)
class Form:
    """How superframes of some speeds are built.

    symbols    payload symbols
    prefix     of a payload symbol [samples], 0 for the numerology's
    preamble   None for the profile's
    longest_k, fewest_blocks  bounds of the code blocks of a full superframe
    extra_db   measured SNR that these superframes need beyond `gap_db`: for short blocks, or a
               channel of which much is to be estimated
    """

    symbols: int
    prefix: int = 0
    sync_repeats: int = 1
    preamble: Preamble | None = None
    longest_k: int = 8448
    fewest_blocks: int = 3
    extra_db: float = 0.0


def speeds(
    numerology: Numerology,
    preamble: Preamble,
    ladders: Iterable[tuple[Form, Iterable[Rung]]],
    lanes: int = 1,
) -> tuple[Speed, ...]:
    """The speeds of these rungs by rising bit rate. Whole blocks of equal length, as long as the
    form allows, fill a superframe."""
    made = []
    for form, rungs in ladders:
        prefix = form.prefix or numerology.prefix
        opening = form.preamble or preamble
        samples = round(opening.duration_s * numerology.sample_rate) + numerology.sync_samples
        samples += (form.sync_repeats - 1) * numerology.symbol_samples
        samples += (form.symbols + lanes - 1) * (numerology.fft_size + prefix)
        for rung in rungs:
            order = rung.order
            cells = lanes * form.symbols * symbol_cells(numerology, rung.top_hz)
            least = max(ceil(cells * rung.bits / form.longest_k), form.fewest_blocks)
            data, blocks = _data_blocks(least)
            k = int(cells * rung.bits / blocks / 8) * 8
            rate = blocks * k / (cells * order)
            net_bps = data * ((k - CRC_BITS) // 8) * 8 * numerology.sample_rate / samples
            speed = Speed(
                0, order, rate, shape_of(order, rate), k, data, form.symbols, prefix,
                rung.top_hz, rung.shannon_db + gap_db(order) + form.extra_db, net_bps,
            )  # fmt: skip
            made.append(speed)
    made.sort(key=lambda speed: speed.net_bps)
    return tuple(replace(speed, number=number) for number, speed in enumerate(made, start=1))


def ladder(top_hz: float, first_db: float, last_db: float, step_db: float = 1.0) -> list[Rung]:
    count = floor((last_db - first_db) / step_db) + 1
    return [Rung(first_db + step_db * i, top_hz) for i in range(count)]


def nearest(choices: tuple[Speed, ...], shannon_db: float, prefix: int, top_hz: float) -> int:
    """Number of the speed of that prefix and band whose rung is nearest."""
    same = [speed for speed in choices if (speed.prefix, speed.top_hz) == (prefix, top_hz)]
    return min(same, key=lambda speed: abs(speed.snr_db - gap_db(speed.order) - shannon_db)).number
