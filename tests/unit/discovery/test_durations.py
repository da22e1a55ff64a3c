"""Durations in Go's notation."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.discovery.durations import MAX_SECONDS, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m", 60), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("0", 0), ("3us", 3e-6), (".5s", 0.5)],
)
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


def test_a_number_counts_nanoseconds() -> None:
    assert parse_duration(10_000_000_000) == 10


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1s2", "1 s", "1d", "١s", "9" * 50 + "h", "1s" * 100])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration(text)


@pytest.mark.parametrize("number", [-1, float("inf"), float("nan"), 1e30])
def test_a_number_out_of_range_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration(number)


@given(st.floats(min_value=0, max_value=1e6))
def test_what_is_written_can_be_read_again(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.0005)


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert 0 <= parse_duration(text) <= MAX_SECONDS
