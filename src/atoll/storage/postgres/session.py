"""One transaction on one connection of the pool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from asyncpg import InterfaceError

from atoll.core.crashing import crash_point
from atoll.storage.errors import CommitUnknown, ConnectionLost, StatementFailed, StorageError
from atoll.storage.port import Result, Statement
from atoll.storage.postgres.errors import DRIVER_ERRORS, connection_lost, translated
from atoll.storage.rows import bind

if TYPE_CHECKING:
    from asyncpg import Pool, Record
    from asyncpg.pool import PoolConnectionProxy

T = TypeVar("T")

ROLLBACK_SECONDS: Final = 5.0
"""A server that does not answer a rollback within this time is left; it undoes the transaction by itself."""

WRITTEN: Final = crash_point("postgres_commit.written")
MADE: Final = crash_point("postgres_commit.made")

_logger = logging.getLogger(__name__)


class PostgresSession:
    """Made by the engine, with the transaction begun; gives the connection back when it ends."""

    def __init__(self, pool: Pool[Record], connection: PoolConnectionProxy[Record]) -> None:
        self._pool = pool
        self.connection = connection
        self._turn = asyncio.Lock()

    async def execute(self, statement: Statement) -> int:
        async with self._turn:
            return changed(await run(self.connection.execute, statement))

    async def fetch(self, statement: Statement) -> Result:
        async with self._turn:
            return result(await run(self.connection.fetch, statement))

    async def expect(self, statement: Statement, otherwise: StorageError) -> None:
        if await self.execute(statement) != 1:
            raise otherwise

    async def commit(self, last: Sequence[Statement]) -> None:
        try:
            for statement in last:
                await self.execute(statement)
        except BaseException:
            await self.rollback()
            raise
        try:
            async with self._turn:
                await self._commit()
        finally:
            await give_back(self._pool, self.connection)

    async def rollback(self) -> None:
        try:
            async with asyncio.timeout(ROLLBACK_SECONDS), self._turn:
                if usable(self.connection):
                    await self.connection.execute("ROLLBACK")
        except (*DRIVER_ERRORS, TimeoutError) as error:
            _logger.info("a connection is given up because a rollback on it failed: %r", error)
            if usable(self.connection):
                self.connection.terminate()
        finally:
            await give_back(self._pool, self.connection)

    async def _commit(self) -> None:
        if not usable(self.connection):
            raise ConnectionLost("the connection to the database was lost before the commit")
        try:
            WRITTEN.reached()
            outcome = await self.connection.execute("COMMIT")
            MADE.reached()
        except DRIVER_ERRORS as error:
            if connection_lost(error):
                raise CommitUnknown(
                    "the connection to the database broke during a commit, which may have happened or not; "
                    "do the same again under the same key"
                ) from error
            raise translated(error, "COMMIT") from error
        if outcome != "COMMIT":  # the server answers ROLLBACK when a statement had failed
            raise StatementFailed("an earlier statement of the transaction failed, so all of it was undone")


async def run(method: Callable[..., Awaitable[T]], statement: Statement) -> T:
    """Run a statement with one of the driver's methods. Raises StatementFailed or its kinds, ConnectionLost."""
    sql, args = statement
    try:
        return await method(sql, *[bind(each) for each in args])
    except DRIVER_ERRORS as error:
        raise translated(error, sql) from error


def usable(connection: PoolConnectionProxy[Any]) -> bool:
    """Tell whether a connection is open; the pool takes a broken one back by itself."""
    try:
        return not connection.is_closed()
    except InterfaceError:
        return False


async def give_back(pool: Pool[Any], connection: PoolConnectionProxy[Any]) -> None:
    """Return a connection to its pool, which replaces a broken one."""
    try:
        await pool.release(connection)
    except DRIVER_ERRORS as error:
        _logger.info("a connection could not be given back: %r", error)


def changed(status: str) -> int:
    """Return the number of rows in a command tag: `UPDATE 3`, `INSERT 0 1`, `CREATE TABLE`."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdecimal() and not status.startswith("SELECT") else 0


def result(records: Sequence[Record]) -> Result:
    """Return the driver's rows as the port's."""
    columns = tuple(records[0].keys()) if records else ()
    return Result(columns, [tuple(each) for each in records])
