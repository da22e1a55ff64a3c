from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.clients import CircuitOpen, NoInstances
from atoll.clients.balance import RoundRobin
from atoll.resilience import BreakerPolicy
from tests.unit.clients.sample import instance
from tests.unit.resilience.fakes import StoppedClock

POLICY = BreakerPolicy(minimum=2, open_for=1.0)
THREE = [instance(name) for name in "abc"]


def robin(clock: StoppedClock | None = None) -> RoundRobin:
    return RoundRobin(POLICY, clock or StoppedClock())


def fail(balancer: RoundRobin, name: str, times: int = POLICY.minimum) -> None:
    while times:
        pick = balancer.pick(THREE)
        times -= pick.instance.id == name
        pick.done(False if pick.instance.id == name else None)


@given(st.integers(1, 7), st.integers(1, 50))
def test_calls_are_spread_evenly(instances: int, rounds: int) -> None:
    balancer, line = robin(), [instance(str(number)) for number in range(instances)]
    counts = Counter(balancer.pick(line).instance.id for _ in range(instances * rounds))
    assert set(counts.values()) == {rounds}


def test_an_empty_answer_of_the_registry_is_no_instances() -> None:
    with pytest.raises(NoInstances):
        robin().pick([])


def test_an_instance_with_an_open_breaker_is_passed_over() -> None:
    balancer = robin()
    fail(balancer, "b")
    assert {balancer.pick(THREE).instance.id for _ in range(12)} == {"a", "c"}


def test_when_every_breaker_is_open_nothing_is_called() -> None:
    balancer = robin()
    for name in "abc":
        fail(balancer, name)
    with pytest.raises(CircuitOpen):
        balancer.pick(THREE)


def test_an_instance_is_tried_again_after_its_time() -> None:
    clock = StoppedClock()
    balancer = robin(clock)
    fail(balancer, "b")
    clock.at += POLICY.open_for
    assert "b" in {balancer.pick(THREE).instance.id for _ in range(3)}


def test_an_instance_to_avoid_is_the_last_choice() -> None:
    balancer = robin()
    assert {balancer.pick(THREE, avoid={"a", "b"}).instance.id for _ in range(6)} == {"c"}
    assert balancer.pick(THREE[:1], avoid={"a"}).instance.id == "a"


def test_a_restarted_instance_begins_with_a_closed_breaker() -> None:
    balancer = robin()
    fail(balancer, "b")
    restarted = instance("b", port=2)
    assert balancer.pick([restarted]).instance is restarted


def test_breakers_of_instances_that_are_gone_are_forgotten() -> None:
    balancer = robin()
    fail(balancer, "b")
    balancer.pick([instance("d")])
    assert {balancer.pick(THREE).instance.id for _ in range(3)} == {"a", "b", "c"}
