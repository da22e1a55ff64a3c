"""A saga's lease and journal, in every order in which anything can happen."""

from __future__ import annotations

import pytest

from tests.model.checker import check
from tests.model.lease import Bug, Lease


def test_no_zombie_writes_each_step_takes_effect_once_and_the_saga_ends() -> None:
    verdict = check(Lease())
    assert not verdict.wrong, verdict


def test_the_model_is_not_trivial() -> None:
    assert check(Lease()).states > 1000


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [
        ("no fence", "a worker wrote after its saga had been taken over"),
        ("fence checked first", "a worker wrote after its saga had been taken over"),
        ("no key", "a step took effect twice"),
        ("step and journal apart", "a step took effect twice"),
        ("epoch kept", "a step took effect twice"),
    ],
)
def test_a_planted_bug_is_found(bug: Bug, wrong: str) -> None:
    verdict = check(Lease(bug=bug))
    assert verdict.wrong == wrong
    assert verdict.path
