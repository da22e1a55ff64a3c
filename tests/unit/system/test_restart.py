"""Restarts come later and later, until one has run well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atoll.system.restart import RestartPolicy, Restarts

POLICY = RestartPolicy(base=0.1, cap=10.0, steady=10.0)


def test_each_failure_in_a_row_doubles_the_wait() -> None:
    restarts = Restarts(POLICY)
    assert [restarts.ended(0.0) for _ in range(4)] == [0.1, 0.2, 0.4, 0.8]


def test_a_process_that_ran_well_starts_again_at_once() -> None:
    restarts = Restarts(POLICY)
    for _ in range(5):
        restarts.ended(0.0)
    assert restarts.ended(10.0) == 0.1


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=2000))
def test_the_wait_stays_between_base_and_cap(runs: list[float]) -> None:
    restarts = Restarts(POLICY)
    assert all(POLICY.base <= restarts.ended(ran) <= POLICY.cap for ran in runs)
    assert restarts.total == len(runs)
