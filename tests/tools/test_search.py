"""The search finds the fastest speed that works, in few trials."""

from dataclasses import dataclass

import pytest
from dialtone import search


@dataclass(frozen=True)
class Rung:
    """A speed, as far as the search looks at it."""

    number: int
    top_hz: float
    snr_db: float
    net_bps: float


@dataclass(frozen=True)
class Tried:
    speed: Rung
    exact: bool
    snr_db: float | None


# 35 speeds 1 dB apart, as many bits as the SNR in dB allows.
LADDER = tuple(Rung(n, 3400.0, float(n), 100.0 * n) for n in range(1, 36))


class Line:
    """A channel of a known SNR on which a speed works `surplus_db` below or above its need."""

    def __init__(self, snr_db, surplus_db=0.0, told_db=None):
        self.snr_db = snr_db
        self.surplus_db = surplus_db
        self.told_db = snr_db if told_db is None else told_db
        self.tried = []

    def attempt(self, speed):
        self.tried.append(speed.number)
        exact = speed.snr_db <= self.snr_db + self.surplus_db
        return Tried(speed, exact, self.told_db)

    def best(self, ladder=LADDER, first=20):
        return search.fastest_exact(ladder, self.attempt(ladder[first - 1]), self.attempt)


@pytest.mark.parametrize("snr_db", [1.2, 7.9, 19.5, 20.0, 27.3, 33.4, 60.0])
@pytest.mark.parametrize("surplus_db", [0.0, -1.0, 1.0, 4.0])
def test_fastest_is_found_in_few_trials(snr_db, surplus_db):
    line = Line(snr_db, surplus_db)
    best = line.best()
    works = [rung.number for rung in LADDER if rung.snr_db <= snr_db + surplus_db]
    assert (best.speed.number if best else None) == (works[-1] if works else None)
    assert len(line.tried) == len(set(line.tried))
    # The first; from 1.5 dB above to 1 dB below; or up by 4 dB and two that fail.
    assert len(line.tried) <= 8


@pytest.mark.parametrize("told_db", [10.0, 30.0])
def test_wrong_snr_costs_time_but_not_the_answer(told_db):
    assert Line(20.4, told_db=told_db).best(first=5).speed.number == 20


def test_one_odd_failure_does_not_end_the_way_up():
    line = Line(20.0)

    def attempt(speed):
        made = line.attempt(speed)
        return Tried(speed, speed.number <= 24 and speed.number != 22, made.snr_db)

    assert search.fastest_exact(LADDER, attempt(LADDER[9]), attempt).speed.number == 24


def test_nothing_heard_ends_after_the_slowest():
    tried = []

    def attempt(speed):
        tried.append(speed.number)
        return Tried(speed, False, None)

    assert search.fastest_exact(LADDER, attempt(LADDER[19]), attempt) is None
    assert tried == [20, 1]


def test_nothing_works():
    assert Line(0.2).best() is None


def test_each_band_has_its_own_snr():
    """The upper band is dead: the SNR there says nothing about the speeds that leave it empty."""
    wide = tuple(Rung(n, 20000.0, n - 10.0, 1000.0 * n) for n in range(11, 31))
    narrow = tuple(Rung(n, 4000.0, float(n), 500.0 * n) for n in range(1, 11))
    tried = []

    def attempt(speed):
        tried.append(speed.number)
        heard_db = 7.3 if speed.top_hz == 4000.0 else -3.0
        return Tried(speed, speed.snr_db <= heard_db, heard_db)

    best = search.fastest_exact(narrow + wide, attempt(wide[10]), attempt)
    assert best.speed.number == 7
    assert len(tried) <= 8
