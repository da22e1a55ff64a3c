"""Removes the replies that nobody will ask for again, a few at a time, for as long as the service runs."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from atoll.core.clock import Clock
from atoll.core.machine import chance
from atoll.storage import Database

_logger = logging.getLogger(__name__)

EVERY_SECONDS: Final = 60.0
BATCH: Final = 100
"""Replies a transaction removes: SQLite has one writer, and nobody should feel that it is this one."""
PAUSE_SECONDS: Final = 0.1
"""Between two batches, so that a long overdue sweep takes its time."""


class ReplyExpiry:
    """Keeps the replies of `db` for `seconds`, and some time more until the sweep comes by."""

    def __init__(self, db: Database, *, seconds: float, clock: Clock) -> None:
        self._db = db
        self._seconds = seconds
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sweep now and then from now on; replicas of a service each at a time of their own."""
        self._task = asyncio.create_task(self._loop(), name="reply-expiry")

    async def stop(self) -> None:
        """Sweep no more. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Remove what has expired, batch by batch; return how many."""
        removed, before = 0, self._clock.now() - self._seconds
        while True:
            removed += (some := await self._db.replies.sweep(before, limit=BATCH))
            if some < BATCH:
                return removed
            await self._clock.sleep(PAUSE_SECONDS)

    async def _loop(self) -> None:
        while True:
            await self._clock.sleep(EVERY_SECONDS * (0.5 + chance()))
            try:
                await self.sweep()
            except Exception:
                _logger.exception("expired replies could not be removed, which is tried again")
