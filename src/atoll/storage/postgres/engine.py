"""PostgreSQL behind the engine port: a pool of connections, units of work at SERIALIZABLE.

Of the isolation levels only SERIALIZABLE makes "read, decide, write" safe whatever is read: the server undoes one of
two transactions that could not have run one after the other, and it is run again (`Database.atomic`). Reads outside
of a unit of work are single statements, read only. https://www.postgresql.org/docs/current/transaction-iso.html
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Set
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from atoll.storage.dialect import Dialect
from atoll.storage.errors import ConnectionLost, StatementFailed
from atoll.storage.port import Isolation, Result, Session, Statement
from atoll.storage.postgres.address import Address
from atoll.storage.postgres.dialect import DIALECT
from atoll.storage.postgres.errors import DRIVER_ERRORS, translated
from atoll.storage.postgres.opening import ready_database, unusable
from atoll.storage.postgres.session import PostgresSession, give_back, result, run
from atoll.storage.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record
    from asyncpg.pool import PoolConnectionProxy

_logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 10.0

SESSION_SETTINGS: Final = {
    "application_name": "atoll",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "read committed",
    # A stopped process must not hold its locks for longer than a saga's lease.
    "idle_in_transaction_session_timeout": "10s",
    # Statements here are small, and compiling one costs more than running it.
    "jit": "off",
}

SCHEMA_LOCK: Final = 0x61746F6C6C  # "atoll"

_BEGIN: Final[dict[Isolation, str]] = {
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
    "read committed": "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
}


class PostgresEngine:
    """One database of a server. Made by `PostgresEngine.open`."""

    dialect: Dialect = DIALECT

    def __init__(self, address: Address, pool: Pool[Record]) -> None:
        self.address = address
        self._pool = pool
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, unsafe: Set[str] = frozenset()) -> PostgresEngine:
        """Connect to the database at `url`, which is created when it is missing.

        Raises SettingsError for a wrong URL, and DatabaseUnusable telling every problem: no such server, wrong
        credentials, a server too old, or settings that lose data and are not named in `unsafe`.
        """
        address = Address.parse(url)
        await ready_database(address, unsafe)
        try:
            return cls(address, await _pool(address))
        except (*DRIVER_ERRORS, TimeoutError) as error:
            raise unusable(address, error) from error

    async def begin(self, isolation: Isolation = "serializable") -> Session:
        return await self._begun(_BEGIN[isolation])

    async def read(self, statement: Statement) -> Result:
        connection = await self._acquire()
        try:
            return result(await run(connection.fetch, statement))
        finally:
            await give_back(self._pool, connection)

    async def script(self, sql: str) -> None:
        check_types(sql)
        session = await self._begun(_BEGIN["read committed"])
        try:
            await session.execute(Statement(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})"))
            await session.execute(Statement(self.dialect.fill(sql)))
        except BaseException:
            await uninterrupted(session.rollback())
            raise
        await uninterrupted(session.commit(()))

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                await asyncio.wait_for(self._pool.close(), CLOSE_SECONDS)
            except TimeoutError:
                self._pool.terminate()

    async def _begun(self, sql: str) -> PostgresSession:
        """Begin a transaction, on a fresh connection if a pooled one was lost: nothing of the caller's was run yet."""
        for _ in range(self.address.pool_size):
            try:
                return await self._begin(sql)
            except ConnectionLost as error:
                _logger.info("a pooled connection was lost: %s", error)
        return await self._begin(sql)

    async def _begin(self, sql: str) -> PostgresSession:
        connection = await self._acquire()
        try:
            await run(connection.execute, Statement(sql))
        except BaseException:
            await uninterrupted(PostgresSession(self._pool, connection).rollback())
            raise
        return PostgresSession(self._pool, connection)

    async def _acquire(self) -> PoolConnectionProxy[Record]:
        try:
            return await self._pool.acquire()
        except (*DRIVER_ERRORS, TimeoutError) as error:
            raise translated(error) from error


async def _pool(address: Address) -> Pool[Record]:
    return await asyncpg.create_pool(
        address.dsn,
        min_size=1,
        max_size=address.pool_size,
        timeout=CONNECT_SECONDS,
        server_settings=SESSION_SETTINGS,
        init=_prepare,
        reset=_leave,
    )


def check_types(script: str) -> None:
    """Raise StatementFailed for a type that silently means less on PostgreSQL than on SQLite."""
    if found := re.search(r"(?:^|[(,])\s*(\"?\w+\"?\s+REAL\b[^,\n]*)", script, re.IGNORECASE | re.MULTILINE):
        raise StatementFailed(
            "REAL has 4 bytes on PostgreSQL, too few for a time or a price; write DOUBLE PRECISION, "
            f"or FLOAT4 if 4 bytes are meant, in: {found[1].strip()}"
        )


async def _prepare(connection: Connection[Any]) -> None:
    """Read a sum of whole numbers, which the server calls numeric, as a whole number."""
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=number, format="text")


def number(text: str) -> int | Decimal:
    """Return a numeric as the server writes it; one with a point in it stays exact."""
    return int(text) if text.removeprefix("-").isdecimal() else Decimal(text)


async def _leave(connection: Connection[Any]) -> None:
    """Do not reset a connection that comes back: that costs a trip to the server for each unit of work."""
