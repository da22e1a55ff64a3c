"""The standard scenario, under a fixed batch of seeds; `make simulate` runs as many as asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

import pytest

from atoll.testing.simulation import Violation, replay
from tests.simulation.planted import Bug, PlantedSimulation
from tests.simulation.scenario import orders

SEEDS: Final = range(16)
BOUND: Final = 10
BOOKS: Final = "the books hold every event once"
SHOWS: Final[Mapping[Bug, str]] = {
    "ack before commit": BOOKS,
    "drop the inbox row": BOOKS,
    "publish before commit": BOOKS,
    "confirm before publish": BOOKS,
    "ignore the fence": "an order ends, and only a confirmed one is paid for",
    "keep no reply": "customers are told what is true",
}
"""What does not hold any more."""


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled(seed: int) -> None:
    replay(orders, seed)


@pytest.mark.parametrize("bug", get_args(Bug))
def test_a_planted_bug_is_found(bug: Bug) -> None:
    assert any(shows(bug, seed) for seed in range(BOUND))


def shows(bug: Bug, seed: int) -> bool:
    sim = PlantedSimulation(seed, bug)
    orders(sim)
    try:
        sim.run()
    except Violation as violation:
        return any(each.startswith(SHOWS[bug]) for each in violation.problems)
    return False
