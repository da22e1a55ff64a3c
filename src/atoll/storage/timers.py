"""Periodic work: when it was last done, in the database it is done in, so that one of several replicas does it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from atoll.core.clock import Clock
from atoll.storage.errors import StorageError
from atoll.storage.port import Statement

if TYPE_CHECKING:
    from atoll.storage.database import Database

LEASE_SECONDS: Final = 10.0

# Whoever finds the row locked on PostgreSQL, by work that is being committed, has nothing to wait for.
_FREE: Final = {"sqlite": "", "postgresql": " FOR UPDATE SKIP LOCKED"}
_TAKE: Final = (
    "UPDATE atoll_timers SET epoch = epoch + 1, lease_until = $3 WHERE name IN "
    "(SELECT name FROM atoll_timers WHERE name = $1 AND done_at <= $2 AND lease_until < $4{free}) RETURNING epoch"
)
_RENEW: Final = (
    "UPDATE atoll_timers SET lease_until = $3 WHERE name IN "
    "(SELECT name FROM atoll_timers WHERE name = $1 AND epoch = $2 AND lease_until > 0{free})"
)
# In the work's own transaction nothing looks for the row first: all rows are on a page or two, and whoever looks there
# conflicts with who changes any.
_HOLD: Final = (
    "INSERT INTO atoll_timers (name, done_at, epoch, lease_until) VALUES ($1, $3, $2, 0) ON CONFLICT (name) "
    "DO UPDATE SET done_at = excluded.done_at, lease_until = 0 WHERE atoll_timers.epoch = excluded.epoch"
)

_logger = logging.getLogger(__name__)


class _Row(msgspec.Struct, frozen=True):
    done_at: float
    lease_until: float


class TimerLost(StorageError):
    """Another replica has taken the work over, because this one stood still for too long; nothing was written."""


class Timer:
    """Work that is due `seconds` after it was last done, under a name that the replicas of a service share.

    Whoever does it holds a lease, which others wait out when its process dies. That it was done is noted in its own
    transaction, under the epoch of the lease, so work of which the lease was lost or which is not committed is not
    done, and another does it.
    """

    def __init__(self, db: Database, clock: Clock, name: str, seconds: float) -> None:
        self._db = db
        self._clock = clock
        self._name = name
        self._free = _FREE[db.engine.dialect.name]
        self.seconds = seconds

    async def left(self) -> float:
        """Return in how many seconds it may be done, 0 for now; a period when nobody has ever asked before."""
        sql = "SELECT done_at, lease_until FROM atoll_timers WHERE name = $1"
        row = await self._db.fetch_one(_Row, sql, self._name)
        if row is None:
            sql = "INSERT INTO atoll_timers (name, done_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
            await self._write(sql, self._clock.now())
            return self.seconds
        return max(0.0, max(row.done_at + self.seconds, row.lease_until) - self._clock.now())

    async def run(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do `work` in a unit of work if it is due and nobody is at it, and tell whether; if it raises, it is over for
        a period.

        Raises what it raises, and TimerLost when the lease was lost on the way. Cancelled, another may do it at once.
        """
        if (epoch := await self._take()) is None:
            return False
        renewing = asyncio.create_task(self._renew(epoch), name=f"renew-timer-{self._name}")
        try:
            await self._db.atomic(partial(self._turn, work, epoch))
        except BaseException as error:
            await self._give_up(epoch, over=isinstance(error, Exception))
            raise
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
        return True

    async def _take(self) -> int | None:
        now = self._clock.now()
        async with self._db.transaction("read committed"):
            sql = _TAKE.format(free=self._free)
            epoch = await self._db.fetch_value(sql, self._name, now - self.seconds, now + LEASE_SECONDS, now)
        return None if epoch is None else int(epoch)

    async def _turn(self, work: Callable[[], Awaitable[None]], epoch: int) -> None:
        unit, lost = self._db.unit_of_work(), TimerLost(f"the timer {self._name} was taken over by another replica")
        unit.expect(self._hold(epoch), lost)
        await work()
        again = self._hold(epoch)  # a period is counted from the end, and work that stored nothing is noted too
        unit.defer(again.sql, *again.args)

    def _hold(self, epoch: int) -> Statement:
        return Statement(_HOLD, (self._name, epoch, self._clock.now()))

    async def _renew(self, epoch: int) -> None:
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            try:
                await self._write(_RENEW.format(free=self._free), epoch, self._clock.now() + LEASE_SECONDS)
            except StorageError as error:
                _logger.info("the lease of the timer %s was not prolonged: %s", self._name, error)

    async def _give_up(self, epoch: int, *, over: bool) -> None:
        """Let others have it at once; `over`, after a period."""
        done = ", done_at = $3" if over else ""
        try:
            await self._write(
                f"UPDATE atoll_timers SET lease_until = 0{done} WHERE name = $1 AND epoch = $2",
                epoch,
                *([self._clock.now()] if over else []),
            )
        except StorageError as error:
            _logger.info("the lease of the timer %s is left to run out: %s", self._name, error)

    async def _write(self, sql: str, *args: float) -> None:
        async with self._db.transaction("read committed"):
            await self._db.execute(sql, self._name, *args)
