"""Lost, doubled and quiet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atoll.clients import CallError
from atoll.torture.settle import Outcome, checked, compare

facts = st.lists(st.sampled_from("abcdef"))


@given(facts, facts)
def test_what_was_acknowledged_and_is_not_there_is_lost(acknowledged: list[str], found: list[str]) -> None:
    lost, _ = compare(acknowledged, found)
    assert set(lost) == set(acknowledged) - set(found)


@given(facts, facts)
def test_what_is_there_more_than_once_is_doubled_acknowledged_or_not(acknowledged: list[str], found: list[str]) -> None:
    _, doubled = compare(acknowledged, found)
    assert len(doubled) == sum(found.count(fact) > 1 for fact in set(found))


def test_the_same_acknowledgement_twice_is_one() -> None:
    assert compare(["a", "a"], ["a"]) == ([], [])


def test_what_nobody_was_told_of_may_be_there() -> None:
    assert compare([], ["a"]) == ([], [])


def test_a_doubled_fact_is_told_with_its_count() -> None:
    assert compare(["a"], ["a", "a", "a"]) == ([], ["a: 3 times"])


async def test_a_check_that_cannot_be_made_is_a_violation() -> None:
    async def unreachable() -> list[str]:
        raise CallError("nobody is there")

    assert await checked(unreachable()) == ["could not be checked: nobody is there"]


def test_an_outcome_without_a_look_at_the_invariants_is_not_good() -> None:
    assert not Outcome().good
    assert Outcome(violations={"books": []}).good
    assert not Outcome(violations={"books": []}, stuck=["a saga"]).good
