"""The database of one service, as its code sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from atoll.core.clock import Clock, SystemClock
from atoll.core.errors import SettingsError
from atoll.core.hooks import Hooks
from atoll.storage.dead_letters import DeadLetters
from atoll.storage.errors import NoUnitOfWork
from atoll.storage.inbox import Inbox
from atoll.storage.outbox import Outbox
from atoll.storage.port import Engine, Result, Statement
from atoll.storage.replies import Replies
from atoll.storage.rows import decoder_for
from atoll.storage.sqlite import SqliteEngine
from atoll.storage.tables import TABLES
from atoll.storage.unit_of_work import UnitOfWork, ambient, ambient_unit, current_unit

R = TypeVar("R", bound=msgspec.Struct)


class Database:
    """SQL straight on the driver, always within the unit of work in hand.

    Placeholders are `$1`, `$2`, …; rows come back as structs by column name, JSON columns decoded into fields
    that are not scalars. Within a unit of work (every command, event handler and timer has one) all statements
    are one transaction. Outside of one, only reads are allowed and each sees the latest commit.
    """

    def __init__(self, engine: Engine, *, hooks: Hooks, clock: Clock) -> None:
        self.engine = engine
        self._hooks = hooks
        self.outbox = Outbox(self, clock)
        self.inbox = Inbox(self, clock)
        self.dead_letters = DeadLetters(self, clock)
        self.replies = Replies(self, clock)

    @classmethod
    async def open(cls, url: str, *, hooks: Hooks | None = None, clock: Clock | None = None) -> Database:
        """Open the database at `url` (`sqlite:///path`) and make the toolkit's own tables.

        Raises SettingsError for a URL of no known form, DatabaseUnusable when it cannot be opened.
        """
        return await cls.over(await _engine(url), hooks=hooks, clock=clock)

    @classmethod
    async def over(cls, engine: Engine, *, hooks: Hooks | None = None, clock: Clock | None = None) -> Database:
        """Stand on an engine that is open already, and make the toolkit's own tables in it."""
        database = cls(engine, hooks=hooks or Hooks(), clock=clock or SystemClock())
        await database.engine.script(TABLES)
        return database

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement that writes; return how many rows it changed. Raises NoUnitOfWork outside of one."""
        return (await self.unit_of_work().run(sql, *args)).changed

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
    async def transaction(self) -> AsyncGenerator[UnitOfWork]:
        """A unit of work: commits at the end of the block, rolls back when it raises.

        Within another one it joins that one, and the outer block decides.
        """
        if (joined := self._ambient()) is not None:
            yield joined
            return
        unit = UnitOfWork(self, self._hooks)
        token = ambient.set(unit)
        try:
            yield unit
            await unit.commit()
        except BaseException:
            await unit.rollback()
            raise
        finally:
            unit.end()
            ambient.reset(token)
        unit.committed()

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
            return await unit.run(sql, *args)
        return await self.engine.read(Statement(sql, args))


async def _engine(url: str) -> Engine:
    scheme, separator, path = url.partition(":///")
    if scheme != "sqlite" or not separator or not path:
        raise SettingsError(
            [f"the database URL {url!r} is not usable; write sqlite:///relative.db or sqlite:////absolute.db"]
        )
    return await SqliteEngine.open(Path(unquote(path)))
