"""A simulated process: work that is interrupted, stopped and killed as one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from random import Random
from typing import Final, Protocol

from atoll.core.machine import current_machine

EPOCH: Final = 1_700_000_000.0
"""The time of day, in seconds since 1970, at which every simulation begins."""


class Ticking(Protocol):
    """Knows the virtual time."""

    def time(self) -> float: ...


class VirtualMachine:
    """The clocks and the chance of one process. `skew` is how far its time of day is off, in seconds."""

    def __init__(self, ticking: Ticking, chance: Random, skew: float) -> None:
        self._ticking = ticking
        self._chance = chance
        self._skew = skew

    def now(self) -> float:
        return EPOCH + self._ticking.time() + self._skew

    def monotonic(self) -> float:
        return self._ticking.time()

    def random(self) -> float:
        return self._chance.random()

    def random_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)


class Process:
    """One life of a process. What it has ready is run by the loop, first come first served.

    A killed one never runs again: no `finally`, no rollback, no goodbye, as after `kill -9`. A stopped one runs
    nothing and goes on where it was, as after SIGSTOP and SIGCONT. `on_kill` is how the world outside learns
    of its end: connections break and locks fall.
    """

    def __init__(self, name: str, ticking: Ticking, chance: Random, *, skew: float = 0.0) -> None:
        self.name = name
        self.ready: deque[asyncio.Handle] = deque()
        self.alive = True
        self.stopped = False
        self.on_kill: list[Callable[[], None]] = []
        self.context = Context()
        self.context.run(here.set, self)
        self.context.run(current_machine.set, VirtualMachine(ticking, chance, skew))

    @property
    def runnable(self) -> bool:
        """True when it has something to do and may."""
        return bool(self.ready) and self.alive and not self.stopped

    def kill(self) -> None:
        """End it now. Idempotent."""
        if self.alive:
            self.alive = False
            for call in self.on_kill:
                call()

    def __repr__(self) -> str:
        return f"<process {self.name}>"


here: Final[ContextVar[Process]] = ContextVar("atoll_simulated_process")
"""The process that the work in hand belongs to."""
