from __future__ import annotations

import time

import pytest

from atoll.core import SystemClock


def test_now_is_the_time_of_day() -> None:
    assert SystemClock().now() == pytest.approx(time.time(), abs=5)


async def test_the_monotonic_clock_moves_on_by_what_was_slept() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
