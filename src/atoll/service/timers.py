"""Runs the `@every` methods of a service: one replica each, or every replica those that are to run everywhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from atoll.core import context as contexts
from atoll.core.clock import Clock
from atoll.service.consumers import marked
from atoll.service.declare import PERIOD, Period
from atoll.service.service import Service
from atoll.storage import Database
from atoll.storage.timers import Timer

PAUSE_SECONDS: Final = 1.0
"""After a failure, which may be that of the database, and while another holds the row without a lease."""

_logger = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]


class Timers:
    """Runs the `@every` methods of one service in this replica, each in a unit of work."""

    def __init__(self, service: Service, db: Database, clock: Clock) -> None:
        self._service = service
        self._db = db
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Run them from now on."""
        for name, method in marked(type(self._service), PERIOD):
            loop = self._loop(name, getattr(self._service, name), getattr(method, PERIOD))
            self._tasks.append(asyncio.create_task(loop, name=f"timer-{name}"))

    async def stop(self) -> None:
        """Cancel what runs, which is undone, and run no more. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _loop(self, name: str, method: Work, period: Period) -> None:
        if period.everywhere:
            await self._each_for_itself(name, method, period.seconds)
        else:
            await self._one_of_all(name, method, Timer(self._db, self._clock, name, period.seconds))

    async def _each_for_itself(self, name: str, method: Work, seconds: float) -> None:
        while True:
            await self._clock.sleep(seconds)
            contexts.set_current(contexts.new_context())
            try:
                await self._db.atomic(method)
            except Exception:
                _logger.exception("the timer %s failed and will run again", name)

    async def _one_of_all(self, name: str, method: Work, timer: Timer) -> None:
        while True:
            contexts.set_current(contexts.new_context())
            try:
                await self._clock.sleep(await timer.left())
                done = await timer.run(method)
            except Exception:
                _logger.exception("the timer %s failed and will run again", name)
                done = False
            if not done:
                await self._clock.sleep(min(PAUSE_SECONDS, timer.seconds))
