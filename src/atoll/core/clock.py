"""Time as an argument: the real clock, and the shape a virtual one must have."""

from __future__ import annotations

import asyncio
from typing import Protocol

from atoll.core.machine import machine


class Clock(Protocol):
    """Where code gets the time from and how it waits; tests pass a virtual one."""

    def now(self) -> float:
        """Seconds since the epoch (UTC), for stamps that people and other machines read."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back, for deadlines and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; cancellable."""
        ...


class SystemClock:
    """The machine's clocks and the running loop's timers."""

    def now(self) -> float:
        return machine().now()

    def monotonic(self) -> float:
        return machine().monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
