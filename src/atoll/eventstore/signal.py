"""A bell that nobody misses: who looked before it rang need not wait."""

from __future__ import annotations

import asyncio


class Signal:
    """Counts changes. Take a `ticket`, look, and `wait` with it when there was nothing to see."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ticket(self) -> int:
        """Return how often it was set so far."""
        return self._count

    def set(self) -> None:
        """Wake everyone who waits."""
        self._count += 1
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def wait(self, ticket: int, timeout: float) -> None:
        """Return once it was set after `ticket` was taken, or after `timeout` seconds."""
        if self._count != ticket:
            return
        rung = asyncio.get_running_loop().create_future()
        self._waiting.add(rung)
        try:
            await asyncio.wait((rung,), timeout=timeout)
        finally:
            self._waiting.discard(rung)
            rung.cancel()
