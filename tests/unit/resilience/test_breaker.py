from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import DeclarationError
from atoll.resilience import Breaker, BreakerPolicy
from tests.unit.resilience.fakes import StoppedClock

POLICY = BreakerPolicy(rate=0.5, minimum=4, window=10.0, open_for=2.0)


def call(breaker: Breaker, ok: bool | None) -> bool:
    """Make one call with this result; False when the breaker did not let it through."""
    generation = breaker.enter()
    if generation is None:
        return False
    breaker.leave(generation, ok)
    return True


def opened(clock: StoppedClock, policy: BreakerPolicy = POLICY) -> Breaker:
    breaker = Breaker(policy, clock)
    for _ in range(policy.minimum):
        call(breaker, False)
    return breaker


def test_a_new_breaker_is_closed() -> None:
    assert Breaker(POLICY, StoppedClock()).state == "closed"


def test_it_opens_when_the_rate_of_failures_is_reached() -> None:
    assert opened(StoppedClock()).state == "open"


def test_it_stays_closed_below_the_minimum_of_calls() -> None:
    breaker = Breaker(POLICY, StoppedClock())
    for _ in range(POLICY.minimum - 1):
        call(breaker, False)
    assert breaker.state == "closed"


def test_it_stays_closed_below_the_rate() -> None:
    breaker = Breaker(POLICY, StoppedClock())
    for ok in (True, True, True, False, False) * 4:
        call(breaker, ok)
    assert breaker.state == "closed"


def test_failures_older_than_the_window_are_forgotten() -> None:
    clock = StoppedClock()
    breaker = Breaker(POLICY, clock)
    for _ in range(20):
        call(breaker, False)
        clock.at += POLICY.window / (POLICY.minimum - 1) + 0.5
    assert breaker.state == "closed"


def test_an_open_breaker_lets_nothing_through() -> None:
    assert not call(opened(StoppedClock()), True)


def test_an_open_breaker_is_half_open_after_its_time() -> None:
    clock = StoppedClock()
    breaker = opened(clock)
    clock.at += POLICY.open_for
    assert breaker.state == "half_open"


def test_a_half_open_breaker_lets_one_probe_through_at_a_time() -> None:
    clock = StoppedClock()
    breaker = opened(clock)
    clock.at += POLICY.open_for
    assert breaker.enter() is not None
    assert breaker.enter() is None


def test_a_successful_probe_closes_it() -> None:
    clock = StoppedClock()
    breaker = opened(clock)
    clock.at += POLICY.open_for
    call(breaker, True)
    assert breaker.state == "closed"


def test_a_failed_probe_opens_it_for_the_whole_time_again() -> None:
    clock = StoppedClock()
    breaker = opened(clock)
    clock.at += POLICY.open_for
    call(breaker, False)
    clock.at += POLICY.open_for / 2
    assert breaker.state == "open"


def test_a_probe_that_was_given_up_frees_its_place() -> None:
    clock = StoppedClock()
    breaker = opened(clock)
    clock.at += POLICY.open_for
    call(breaker, None)
    assert breaker.state == "half_open"
    assert breaker.enter() is not None


def test_as_many_probes_as_the_policy_says_must_succeed() -> None:
    clock = StoppedClock()
    breaker = opened(clock, BreakerPolicy(minimum=2, probes=2))
    clock.at += 2.0
    states = [breaker.state for _ in range(2) if call(breaker, True)]
    assert states == ["half_open", "closed"]


def test_a_closed_breaker_has_forgotten_what_opened_it() -> None:
    clock = StoppedClock()
    breaker = opened(clock)
    clock.at += POLICY.open_for
    call(breaker, True)
    call(breaker, False)
    assert breaker.state == "closed"


def test_calls_that_were_given_up_do_not_count() -> None:
    breaker = Breaker(POLICY, StoppedClock())
    for _ in range(100):
        call(breaker, None)
    assert breaker.state == "closed"


def test_a_success_from_before_it_opened_does_not_close_a_half_open_breaker() -> None:
    clock = StoppedClock()
    breaker = Breaker(POLICY, clock)
    slow = breaker.enter()
    for _ in range(POLICY.minimum):
        call(breaker, False)
    clock.at += POLICY.open_for
    assert breaker.state == "half_open"
    breaker.leave(slow or 0, True)
    assert breaker.state == "half_open"


def test_a_failure_from_before_it_opened_does_not_open_a_closed_breaker_again() -> None:
    clock = StoppedClock()
    breaker = Breaker(POLICY, clock)
    slow = [breaker.enter() or 0 for _ in range(10)]
    for generation in slow[: POLICY.minimum]:
        breaker.leave(generation, False)
    clock.at += POLICY.open_for
    call(breaker, True)
    for generation in slow[POLICY.minimum :]:
        breaker.leave(generation, False)
    assert breaker.state == "closed"


@pytest.mark.parametrize(
    "wrong", [{"rate": 0.0}, {"rate": 1.1}, {"minimum": 0}, {"probes": 0}, {"window": 0.0}, {"open_for": -1.0}]
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        BreakerPolicy(**wrong)


steps = st.lists(st.tuples(st.floats(0, 5), st.sampled_from([True, False, None])), max_size=200)


@given(steps)
def test_an_open_breaker_stays_open_for_its_time_whatever_happens(
    plan: list[tuple[float, bool | None]],
) -> None:
    clock = StoppedClock()
    breaker = Breaker(POLICY, clock)
    open_until = clock.at
    for pause, ok in plan:
        clock.at += pause
        before = breaker.state
        let_through = call(breaker, ok)
        assert let_through == (before != "open")
        assert not let_through or clock.at >= open_until
        if let_through and breaker.state == "open":
            open_until = clock.at + POLICY.open_for


@given(steps)
def test_a_breaker_always_finds_its_way_back_to_closed(plan: list[tuple[float, bool | None]]) -> None:
    clock = StoppedClock()
    breaker = Breaker(POLICY, clock)
    for pause, ok in plan:
        clock.at += pause
        call(breaker, ok)
    clock.at += POLICY.open_for
    call(breaker, True)
    assert breaker.state == "closed"


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=100))
def test_it_is_open_only_if_the_window_really_held_that_many_failures(plan: list[tuple[float, bool]]) -> None:
    clock = StoppedClock()
    breaker = Breaker(POLICY, clock)
    ended: list[tuple[float, bool]] = []
    for pause, ok in plan:
        clock.at += pause
        call(breaker, ok)
        ended.append((clock.at, ok))
        if breaker.state == "open":
            recent = [each for at, each in ended if at >= clock.at - POLICY.window]
            assert len(recent) >= POLICY.minimum
            assert recent.count(False) >= POLICY.rate * POLICY.minimum
            return
