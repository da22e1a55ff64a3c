"""Running a scenario under many seeds, and under one seed again."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import cast

from atoll.core.errors import DeclarationError
from atoll.testing.simulation.errors import NotReplayable, Violation
from atoll.testing.simulation.simulation import Report, Simulation

Scenario = Callable[[Simulation], None]


def replay(scenario: Scenario, seed: int, *, logs: bool = False) -> Report:
    """Run `scenario` under `seed`. Raises Violation."""
    sim = Simulation(seed)
    scenario(sim)
    return sim.run(logs=logs)


def explore(scenario: Scenario, seeds: Iterable[int]) -> list[Report]:
    """Run `scenario` under each of `seeds`. Raises Violation for the first that finds one."""
    return [replay(scenario, seed) for seed in seeds]


def replays_exactly(scenario: Scenario, seed: int) -> str:
    """Return the digest of two runs of one seed. Raises NotReplayable when they differ."""
    first, second = _digest(scenario, seed), _digest(scenario, seed)
    if first != second:
        raise NotReplayable(
            f"seed {seed} took two courses: something takes time or chance from elsewhere than Clock, new_id and the "
            "seed, or keeps state in a module"
        )
    return first


def scenario_at(place: str) -> Scenario:
    """Return the scenario `module:function`. Raises DeclarationError when there is none."""
    module, colon, name = place.partition(":")
    if not colon:
        raise DeclarationError(f"{place!r} names no scenario; write module:function")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DeclarationError(f"there is no scenario {place!r}: {error}") from error
    if not callable(found):
        raise DeclarationError(f"{place!r} is no scenario; it must be a function that takes a Simulation")
    return cast("Scenario", found)


def _digest(scenario: Scenario, seed: int) -> str:
    try:
        return replay(scenario, seed).digest
    except Violation as violation:
        return violation.digest
