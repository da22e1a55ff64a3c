"""The standard scenario, under a fixed batch of seeds; `make simulate` runs as many as asked."""

from __future__ import annotations

import pytest

from atoll.testing.simulation import Violation, replay
from tests.simulation.planted import Bug, PlantedSimulation
from tests.simulation.scenario import orders

SEEDS = range(60)
BOUND = 60


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled(seed: int) -> None:
    replay(orders, seed)


@pytest.mark.parametrize(
    "bug",
    [
        "ack before commit",
        "drop the inbox row",
        "publish before commit",
        "ignore the fence",
        "keep no reply",
        "confirm before publish",
    ],
)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    def breaks(seed: int) -> bool:
        sim = PlantedSimulation(seed, bug)
        orders(sim)
        try:
            sim.run()
        except Violation:
            return True
        return False

    assert any(breaks(seed) for seed in range(BOUND))
