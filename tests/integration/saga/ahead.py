"""A clock that runs as the machine's does and can be put forward, so that no test waits for a lease to end."""

from __future__ import annotations

import asyncio

from atoll.core.clock import SystemClock


class AheadClock(SystemClock):
    """Whoever sleeps on it wakes as soon as the time has come by it."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._put_forward = asyncio.Event()
        self._slept_on = asyncio.Event()

    def now(self) -> float:
        return super().now() + self._ahead

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        while (left := end - self.monotonic()) > 0:
            moved = asyncio.ensure_future(self._put_forward.wait())
            self._slept_on.set()
            try:
                await asyncio.wait({moved}, timeout=left)
            finally:
                moved.cancel()

    async def put_forward(self, seconds: float) -> None:
        """Let so many seconds pass at once, when somebody sleeps: one who is about to would sleep from then on."""
        await self._slept_on.wait()
        self._slept_on.clear()
        self._ahead += seconds
        self._put_forward.set()
        self._put_forward = asyncio.Event()
