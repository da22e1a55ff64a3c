from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atoll.resilience import RetryBudget
from tests.unit.resilience.fakes import StoppedClock


def test_a_new_budget_holds_its_capacity() -> None:
    assert RetryBudget(StoppedClock(), capacity=4).tokens == 4


def test_an_empty_budget_refuses_a_retry() -> None:
    budget = RetryBudget(StoppedClock(), capacity=1)
    assert budget.spend()
    assert not budget.spend()


def test_five_calls_earn_one_retry() -> None:
    budget = RetryBudget(StoppedClock(), capacity=1)
    budget.spend()
    for _ in range(5):
        budget.record_call()
    assert budget.spend()
    assert not budget.spend()


def test_time_earns_retries_for_a_quiet_caller() -> None:
    clock = StoppedClock()
    budget = RetryBudget(clock, capacity=1, per_second=0.5)
    budget.spend()
    clock.at += 2.0
    assert budget.spend()


@given(st.lists(st.booleans(), max_size=400), st.floats(0, 1), st.integers(0, 20))
def test_retries_never_exceed_the_share_of_calls_and_the_first_tokens(
    wishes: list[bool], share: float, capacity: int
) -> None:
    budget = RetryBudget(StoppedClock(), share=share, capacity=capacity)
    retries = 0
    for wish in wishes:
        budget.record_call()
        retries += wish and budget.spend()
    assert retries <= capacity + share * len(wishes) + 1e-6


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_budget_never_holds_more_than_its_capacity(pauses: list[float]) -> None:
    clock = StoppedClock()
    budget = RetryBudget(clock, capacity=3)
    for pause in pauses:
        clock.at += pause
        budget.record_call()
        assert budget.tokens <= 3
