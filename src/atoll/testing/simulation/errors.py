"""The errors of a simulation.

SimulationError
├── Stuck               everything waits for something that will not come
├── Violation           an invariant does not hold, or the system does not come to rest; names the seed
├── Unanswered          a customer who insisted never got a final answer
└── NotReplayable       the same seed took another course: the code under test takes time or chance from elsewhere

InjectedFault is what the parts of the simulation raise where a driver would raise an error of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atoll.core.errors import AtollError


class SimulationError(AtollError):
    """Base of the package."""


class Stuck(SimulationError):
    """No callback is ready and no timer is set, or something is always ready and no time passes."""


class Violation(SimulationError):
    """Something that must hold does not.

    `problems` has a sentence for each, `trace` the last events before, and `digest` is that of all events.
    """

    def __init__(self, seed: int, problems: Sequence[str], trace: Sequence[str] = (), digest: str = "") -> None:
        self.seed = seed
        self.problems = tuple(problems)
        self.trace = tuple(trace)
        self.digest = digest
        super().__init__(f"seed {seed}: " + "; ".join(problems))

    def __reduce__(self) -> tuple[Any, ...]:
        return Violation, (self.seed, self.problems, self.trace, self.digest)


class Unanswered(SimulationError):
    """However often it was asked, no final answer came."""


class NotReplayable(SimulationError):
    """Two runs of one seed differ. Take the time from `Clock`, ids from `new_id` and chance from a seeded `Random`."""


class InjectedFault(Exception):
    """The driver's error behind an error that the simulation injected."""
