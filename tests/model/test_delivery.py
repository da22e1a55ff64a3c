"""Outbox and inbox, in every order in which anything can happen."""

from __future__ import annotations

import pytest

from tests.model.checker import check
from tests.model.delivery import Bug, Delivery


def test_nothing_is_lost_and_each_effect_happens_once_whoever_crashes() -> None:
    verdict = check(Delivery(consumers=2))
    assert not verdict.wrong, verdict


def test_effects_are_in_order_while_one_consumer_has_the_key() -> None:
    verdict = check(Delivery(facts=2, consumers=1))
    assert not verdict.wrong, verdict


def test_the_model_is_not_trivial() -> None:
    assert check(Delivery(consumers=2)).states > 1000


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [
        ("ack before commit", "a fact is lost"),
        ("no inbox row", "an effect happened twice"),
        ("inbox row by itself", "a fact is lost"),
        ("publish before commit", "an effect of what was never committed"),
        ("mark before publish", "a fact is lost"),
    ],
)
def test_a_planted_bug_is_found(bug: Bug, wrong: str) -> None:
    verdict = check(Delivery(bug=bug))
    assert verdict.wrong == wrong
    assert verdict.path
