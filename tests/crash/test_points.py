"""Each point at which a process may die has a test that dies there."""

from __future__ import annotations

from pathlib import Path

from tests.crash.points import ELSEWHERE, ONLY, deaths, declared

HOME = Path(__file__).parents[2]


def test_a_point_that_this_system_does_not_come_to_has_a_test_of_its_own() -> None:
    assert ELSEWHERE.keys() <= set(declared())
    assert [point for point, (file, how) in ELSEWHERE.items() if how not in (HOME / file).read_text()] == []


def test_every_other_point_is_died_at_on_each_database_that_has_it() -> None:
    died = {
        kind: {point.partition(":")[0] for each in deaths(kind) for point in each} for kind in ("sqlite", "postgresql")
    }
    assert ONLY.keys() <= set(declared())
    for point in set(declared()) - ELSEWHERE.keys():
        assert {kind for kind, points in died.items() if point in points} == {
            *([ONLY[point]] if point in ONLY else died)
        }
