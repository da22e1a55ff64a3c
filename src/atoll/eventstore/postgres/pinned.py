"""A connection of the log's own, beside the pool of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from atoll.storage import ConnectionLost
from atoll.storage.postgres.errors import DRIVER_ERRORS, translated

if TYPE_CHECKING:
    from asyncpg import Connection, Record

CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 5.0

SETTINGS: Final = {"application_name": "atoll events", "jit": "off", "default_transaction_isolation": "read committed"}

Prepared = Callable[["Connection[Any]"], Awaitable[None]]


class Pinned:
    """Opened when it is first used, and again when it was lost. Each statement is a transaction."""

    def __init__(self, dsn: str, prepared: Prepared | None = None) -> None:
        self._dsn = dsn
        self._prepared = prepared
        self._turn = asyncio.Lock()
        self._connection: Connection[Record] | None = None
        self._closed = False

    async def open(self) -> None:
        """Be connected. Raises ConnectionLost."""
        async with self._turn:
            await self._opened()

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """Run a statement and return its rows. Raises the errors of a session."""
        async with self._turn:
            connection = await self._opened()
            try:
                return await connection.fetch(sql, *args)
            except DRIVER_ERRORS as error:
                raise translated(error, sql) from error

    async def close(self) -> None:
        """Disconnect for good. Idempotent."""
        self._closed = True
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None and not connection.is_closed():
                try:
                    await connection.close(timeout=CLOSE_SECONDS)
                except (*DRIVER_ERRORS, TimeoutError):
                    connection.terminate()

    async def _opened(self) -> Connection[Record]:
        if self._closed:
            raise ConnectionLost("the event store is closed")
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _connect(self) -> Connection[Record]:
        try:
            connection = await asyncpg.connect(self._dsn, timeout=CONNECT_SECONDS, server_settings=SETTINGS)
            if self._prepared is not None:
                await self._prepared(connection)
        except (*DRIVER_ERRORS, TimeoutError) as error:
            raise translated(error) from error
        return connection
