"""The database of one service, as its code sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Set
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from atoll.core import context as contexts
from atoll.core.clock import Clock, SystemClock
from atoll.core.hooks import Hooks
from atoll.core.machine import chance
from atoll.storage.dead_letters import DeadLetters
from atoll.storage.engines import open_engine
from atoll.storage.errors import NoUnitOfWork, TransactionConflict
from atoll.storage.inbox import Inbox
from atoll.storage.outbox import Outbox
from atoll.storage.port import Engine, Isolation, Result, Statement
from atoll.storage.replies import Replies
from atoll.storage.rows import decoder_for
from atoll.storage.tables import STORAGE
from atoll.storage.unit_of_work import UnitOfWork, ambient, ambient_unit, current_unit
from atoll.storage.versions import ready_tables

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")

CONFLICTS: Final = 100
"""How often work is run again before a conflict is told where there is no deadline: some three seconds."""

PAUSE_SECONDS: Final = 0.002
LONGEST_PAUSE_SECONDS: Final = 0.05


class Database:
    """SQL straight on the driver, always within the unit of work in hand.

    Placeholders are `$1`, `$2`, …; rows come back as structs by column name, JSON columns decoded into fields
    that are not scalars. Within a unit of work (every command, event handler and timer has one) all statements
    are one transaction. Outside of one, only reads are allowed and each sees the latest commit.
    """

    def __init__(self, engine: Engine, *, hooks: Hooks, clock: Clock) -> None:
        self.engine = engine
        self._hooks = hooks
        self._clock = clock
        self._again = asyncio.Lock()
        self.outbox = Outbox(self, clock)
        self.inbox = Inbox(self, clock)
        self.dead_letters = DeadLetters(self, clock)
        self.replies = Replies(self, clock)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        hooks: Hooks | None = None,
        clock: Clock | None = None,
        unsafe: Set[str] = frozenset(),
    ) -> Database:
        """Open the database at `url` (`sqlite:///path`, `postgresql://…`) and make the toolkit's own tables.

        `unsafe` names the risks that are accepted (see `ATOLL_UNSAFE`). Raises SettingsError for a URL of no known
        form, DatabaseUnusable telling every problem when it cannot be opened or would lose data, UnknownSchema when
        its tables are of another version.
        """
        return await cls.over(await open_engine(url, unsafe), hooks=hooks, clock=clock)

    @classmethod
    async def over(cls, engine: Engine, *, hooks: Hooks | None = None, clock: Clock | None = None) -> Database:
        """Stand on an engine that is open already, and make or check the toolkit's own tables in it."""
        try:
            await ready_tables(engine, STORAGE)
        except BaseException:
            await engine.close()
            raise
        return cls(engine, hooks=hooks or Hooks(), clock=clock or SystemClock())

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement that writes; return how many rows it changed. Raises NoUnitOfWork outside of one."""
        return await self.unit_of_work().execute(sql, *args)

    async def fetch_one(self, row: type[R], sql: str, *args: Any) -> R | None:
        """Return the first row as `row`, or None."""
        return decoder_for(row).first(await self._fetch(sql, args))

    async def fetch_all(self, row: type[R], sql: str, *args: Any) -> list[R]:
        """Return every row as `row`, in the order of the statement."""
        return decoder_for(row).all(await self._fetch(sql, args))

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None when there is no row."""
        result = await self._fetch(sql, args)
        return result.rows[0][0] if result.rows else None

    @asynccontextmanager
    async def transaction(self, isolation: Isolation = "serializable") -> AsyncGenerator[UnitOfWork]:
        """A unit of work: commits at the end of the block, rolls back when it raises.

        Within another one it joins that one, and the outer block decides. Raises TransactionConflict when another
        transaction got in between; `atomic` then runs the work again, a block cannot.
        """
        if (joined := self._ambient()) is not None:
            yield joined
            return
        unit = UnitOfWork(self, self._hooks, isolation)
        token = ambient.set(unit)
        try:
            yield unit
            await unit.commit()
        except BaseException as error:
            await unit.rollback(error)
            raise
        finally:
            unit.ended = True
            ambient.reset(token)

    async def atomic(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` in a unit of work, and again from its start when it conflicts with another transaction.

        Within another unit of work it joins that one, which then decides. Whatever `work` changes outside of the
        database must bear repetition. Raises TransactionConflict when it has not succeeded by the deadline of the
        context in hand, or in CONFLICTS runs when there is none; what already runs is the caller's to cancel.
        """
        if self._ambient() is not None:
            return await work()
        try:
            return await self._in_transaction(work)
        except TransactionConflict:
            if not _may_run_again(0, 0.0):
                raise
        return await self._one_at_a_time(work)

    async def _one_at_a_time(self, work: Callable[[], Awaitable[T]]) -> T:
        """What has conflicted runs again alone in this process, or those that want one row would meet again and again.

        That is three times the throughput on PostgreSQL; on SQLite a conflict is rare and of other processes. Backoff
        and jitter are for the meetings with those.
        """
        attempt = 0
        async with self._again:
            while True:
                attempt += 1
                pause = _pause_after(attempt)
                try:
                    return await self._in_transaction(work)
                except TransactionConflict:
                    if not _may_run_again(attempt, pause):
                        raise
                await self._clock.sleep(pause)

    async def _in_transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what `transaction` does, at a third of what a block costs: each command and each message is one."""
        unit = UnitOfWork(self, self._hooks, "serializable")
        token = ambient.set(unit)
        try:
            result = await work()
            await unit.commit()
        except BaseException as error:
            await unit.rollback(error)
            raise
        finally:
            unit.ended = True
            ambient.reset(token)
        return result

    def unit_of_work(self) -> UnitOfWork:
        """Return the unit of work in hand. Raises NoUnitOfWork when there is none."""
        unit = current_unit()
        if unit.database is not self:
            raise NoUnitOfWork("the unit of work in hand belongs to another database")
        return unit

    async def close(self) -> None:
        """Finish what runs and close the connections. Idempotent."""
        await self.engine.close()

    def _ambient(self) -> UnitOfWork | None:
        unit = ambient_unit()
        return unit if unit is not None and unit.database is self else None

    async def _fetch(self, sql: str, args: tuple[Any, ...]) -> Result:
        if (unit := self._ambient()) is not None:
            return await unit.fetch(sql, *args)
        return await self.engine.read(Statement(sql, args))


def _may_run_again(attempt: int, pause: float) -> bool:
    context = contexts.find()
    left = None if context is None else context.remaining()
    return attempt < CONFLICTS if left is None else left > pause


def _pause_after(attempt: int) -> float:
    """Full jitter, so that transactions that met once do not meet again."""
    return chance() * min(LONGEST_PAUSE_SECONDS, PAUSE_SECONDS * 2.0 ** min(attempt, 10))
