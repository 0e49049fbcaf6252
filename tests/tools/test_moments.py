"""When a transfer ends."""

import pytest
from dialtone import moments
from dialtone.errors import Failure

NOON = 1_784_635_200  # 2026-07-21 12:00 UTC


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", NOON + 90),
        ("15m", NOON + 900),
        ("12h", NOON + 43200),
        ("2d", NOON + 172800),
        (" 1W ", NOON + 604800),
        ("2026-07-21T12:00:01", NOON + 1),
        ("2026-07-21 14:30+02:00", NOON + 1800),
        ("2026-07-21T12:30Z", NOON + 1800),
        ("2026-07-22", NOON + 43200),
    ],
)
def test_ends(text, seconds):
    assert moments.expiry(text, NOON + 0.5) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no time"),
        ("2", "no time"),
        ("d", "no time"),
        ("-2d", "no time"),
        ("2.5d", "no time"),
        ("tomorrow", "no time"),
        ("2026-13-01", "no time"),
        ("0s", "over"),
        ("2026-07-21T12:00", "over"),
        ("2026-07-21T14:00+02:00", "over"),
        ("999999999w", "too far"),
    ],
)
def test_what_is_no_end(text, words):
    with pytest.raises(Failure, match=words) as raised:
        moments.expiry(text, NOON + 0.5)
    assert "2d" in raised.value.hint


def test_told_in_utc():
    assert moments.utc(NOON + 59) == "2026-07-21 12:00 UTC"
    assert moments.told(NOON) == "2026-07-21 12:00 UTC"
    assert str(2**64 - 1) in moments.told(2**64 - 1)
