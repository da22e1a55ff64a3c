from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import DeclarationError
from atoll.resilience import RetryPolicy, full_jitter

policies = st.builds(
    lambda base, more: RetryPolicy(base=base, cap=base + more),
    base=st.floats(0, 60),
    more=st.floats(0, 600),
)


@given(policies, st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_negative_and_never_above_the_cap(policy: RetryPolicy, attempt: int, drawn: float) -> None:
    assert 0 <= full_jitter(policy, attempt, lambda: drawn) <= policy.cap


@given(policies, st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_a_wait_never_gets_shorter_with_the_attempt_for_the_same_draw(
    policy: RetryPolicy, attempt: int, drawn: float
) -> None:
    first, second = (full_jitter(policy, number, lambda: drawn) for number in (attempt, attempt + 1))
    assert first <= second


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.05), (2, 0.1), (3, 0.2), (4, 0.4), (9, 1.0)])
def test_the_longest_wait_doubles_up_to_the_cap(attempt: int, longest: float) -> None:
    assert full_jitter(RetryPolicy(), attempt, lambda: 1.0) == pytest.approx(longest)


def test_waits_are_spread_over_the_whole_backoff() -> None:
    draw = random.Random(7).random
    waits = [full_jitter(RetryPolicy(base=1.0), 1, draw) for _ in range(1000)]
    assert min(waits) < 0.05
    assert max(waits) > 0.95


@pytest.mark.parametrize("attempts", [0, -1])
def test_a_policy_without_a_first_try_is_refused(attempts: int) -> None:
    with pytest.raises(DeclarationError, match="1 or more"):
        RetryPolicy(attempts=attempts)


@pytest.mark.parametrize(("base", "cap"), [(-0.1, 1.0), (2.0, 1.0)])
def test_a_policy_with_a_base_outside_zero_and_cap_is_refused(base: float, cap: float) -> None:
    with pytest.raises(DeclarationError, match="base <= cap"):
        RetryPolicy(base=base, cap=cap)
