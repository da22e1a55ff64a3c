"""The machine the code runs on, as far as it makes two runs differ: its clocks and its chance.

Everything in the toolkit that needs the time, an id or a random number without being handed one takes it from
here, so that a simulation can put a machine of its own in the place of the real one, and replay a run exactly.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, Protocol


class Machine(Protocol):
    """Where time and chance come from."""

    def now(self) -> float:
        """Seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def random(self) -> float:
        """A number from 0 up to 1; not for secrets."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """Bytes that nobody can guess."""
        ...


class RealMachine:
    """This machine."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def random(self) -> float:
        return random.random()

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)


_real: Final[Machine] = RealMachine()

current_machine: Final = ContextVar[Machine]("atoll_machine", default=_real)
"""Set only by a simulation, in the context that its processes run in."""

machine: Final[Callable[[], Machine]] = current_machine.get
"""The machine of the work in hand."""


def chance() -> float:
    """Return a number from 0 up to 1, for jitter and the like."""
    return machine().random()
