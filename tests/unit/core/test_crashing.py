"""Crash points do nothing until they are armed."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from atoll.core.crashing import POINTS, CrashPoint, crash_point


@pytest.fixture
def point() -> Generator[CrashPoint]:
    yield crash_point("test.moment")
    del POINTS["test.moment"]


def test_a_point_is_passed_unless_it_is_armed(point: CrashPoint) -> None:
    reached: list[str] = []
    point.reached()
    point.arm(lambda: reached.append("once"))
    point.reached()
    point.disarm()
    point.reached()
    assert reached == ["once"]


def test_two_points_of_one_name_are_refused(point: CrashPoint) -> None:
    with pytest.raises(ValueError, match="there is a crash point .test.moment. already"):
        crash_point(point.name)
