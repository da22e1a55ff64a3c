"""A scenario that no seed survives."""

from __future__ import annotations

from collections.abc import Iterable

from atoll.testing.simulation import Simulation
from tests.simulation.system import DeskService


def broken(sim: Simulation) -> None:
    """Hold one service to what cannot be."""

    async def never() -> Iterable[str]:
        return ["it is not so"]

    sim.service(DeskService)
    sim.invariant("two and two are five", never)
