"""How blocking queries wait: until the state has changed for them, their time is up, or they are given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from atoll.core.clock import Clock

Ends = set[asyncio.Future[Any]]


class ChangeSignal:
    """Wakes everyone who waits at each change; who finds nothing new for himself waits on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def notify(self) -> None:
        """Let everyone who waits look again."""
        for each in self._waiting:
            if not each.done():
                each.set_result(None)

    def close(self) -> None:
        """Let everyone go, and nobody wait from now on. Idempotent."""
        self._closed = True
        self.notify()

    async def wait_until(
        self, ready: Callable[[], bool], *, seconds: float, gone: Callable[[], Awaitable[object]]
    ) -> None:
        """Return once `ready()` is true, `seconds` have passed, `gone()` has returned or the signal is closed."""
        if ready() or self._closed:
            return
        ends: Ends = {asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(gone())}
        try:
            await self._look(ready, ends)
        finally:
            for each in ends:
                each.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _look(self, ready: Callable[[], bool], ends: Ends) -> None:
        while not (self._closed or ready() or any(each.done() for each in ends)):
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(change)
            try:
                await asyncio.wait({change, *ends}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._waiting.discard(change)
