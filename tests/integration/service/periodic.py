"""A replica whose periodic work waits in the middle, and one that does it at once; the first runs as a process too.

python -m tests.integration.service.periodic DATABASE_URL
"""

from __future__ import annotations

import asyncio
import os
import sys

from atoll.core.clock import SystemClock
from atoll.service import Service, every
from atoll.service.timers import Timers
from atoll.storage import Database

TABLE = "CREATE TABLE IF NOT EXISTS reminders (seq {serial}, replica BIGINT NOT NULL)"
HOUR = 3600.0


class Clock(SystemClock):
    """Stands at a time of its own until it is moved; its sleepers wake when it is."""

    def __init__(self) -> None:
        self._moved = asyncio.Condition()
        self.at = 1000.0
        self.sleepers = 0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        until = self.at + seconds
        async with self._moved:
            self.sleepers += 1
            self._moved.notify_all()
            try:
                await self._moved.wait_for(lambda: self.at >= until)
            finally:
                self.sleepers -= 1

    async def advance(self, seconds: float) -> None:
        async with self._moved:
            self.at += seconds
            self._moved.notify_all()

    async def asleep(self, count: int) -> None:
        """Wait until `count` sleep."""
        async with asyncio.timeout(20), self._moved:
            await self._moved.wait_for(lambda: self.sleepers == count)


class Reminding(Service):
    """Reminds once an hour, and counts in each replica."""

    name = "reminding"

    def __init__(self, db: Database, number: int) -> None:
        self.db = db
        self.number = number
        self.looked = 0
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: Exception | None = None

    @every(HOUR)
    async def remind(self) -> None:
        await self.db.execute("INSERT INTO reminders (replica) VALUES ($1)", self.number)
        self.reached.set()
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure


class Caching(Service):
    """Looks once an hour what its cache should hold, in each replica."""

    name = "caching"
    looked = 0

    @every(HOUR, everywhere=True)
    async def look(self) -> None:
        self.looked += 1


async def main(url: str) -> None:
    """Begin the work that is overdue, say so, and never end it."""
    clock, db = Clock(), await Database.open(url)
    clock.at += 2 * HOUR
    service = Reminding(db, 9)
    service.go_on.clear()
    timers = Timers(service, db, clock)
    timers.start()
    await service.reached.wait()
    os.write(1, b"begun\n")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
