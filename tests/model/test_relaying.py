"""The relay's lease and a broker that loses its store, in every order in which anything can happen."""

from __future__ import annotations

import pytest

from tests.model.checker import check
from tests.model.relaying import Bug, Relaying


def test_nothing_is_lost_and_first_copies_are_in_order_whoever_is_late() -> None:
    verdict = check(Relaying())
    assert not verdict.wrong, verdict
    assert verdict.states > 1000


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [
        ("no fence", "a message is lost"),
        ("store not looked at", "a message is lost"),
        ("loss not told", "a message is lost"),
        ("note before send", "a message is lost"),
        ("late relays read", "the first copies are out of order"),
        ("sent in any order", "the first copies are out of order"),
    ],
)
def test_a_planted_bug_is_found(bug: Bug, wrong: str) -> None:
    verdict = check(Relaying(bug=bug))
    assert verdict.wrong == wrong
    assert verdict.path
