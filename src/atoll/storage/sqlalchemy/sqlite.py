"""The SQLite connection and its thread, in the shape of aiosqlite that SQLAlchemy's dialect is lent."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

from atoll.storage.port import Session
from atoll.storage.sqlite.session import SqliteSession

T = TypeVar("T")

SAVEPOINT: Final = "atoll_bridge"


class LentSqlite:
    """The connection of a session; what SQLite's driver begins by itself is a savepoint here."""

    def __init__(self, session: Session) -> None:
        self._session = cast("SqliteSession", session)
        self._connection = True  # SQLAlchemy's adapter looks whether it is open
        self._saved = False
        self.broken = False

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on the thread, after a savepoint."""
        if not self._saved:
            self._saved = True
            await self._session.run(sqlite3.Connection.execute, f"SAVEPOINT {SAVEPOINT}")
        return await self._session.run(function, *args)

    def cursor(self) -> LentCursor:
        return LentCursor(self)

    async def create_function(self, name: str, arguments: int, function: Any, **options: Any) -> None:
        """Make a function for SQL, as SQLAlchemy does at each connection."""

        def create(connection: sqlite3.Connection) -> None:
            connection.create_function(name, arguments, function, **options)

        await self._session.run(create)

    async def commit(self) -> None:
        """Keep what was done since the savepoint, for the unit of work to commit."""
        if self._saved:
            self._saved = False
            await self._session.run(sqlite3.Connection.execute, f"RELEASE {SAVEPOINT}")

    async def rollback(self) -> None:
        """Undo what was done since the savepoint."""
        if self._saved:
            self._saved = False
            await self._session.run(sqlite3.Connection.execute, f"ROLLBACK TO {SAVEPOINT}")
            await self._session.run(sqlite3.Connection.execute, f"RELEASE {SAVEPOINT}")

    async def close(self) -> None:
        """Do nothing: the unit of work closes it."""

    def stop(self) -> None:
        """Note that SQLAlchemy does not trust the connection any more."""
        self.broken = True


class LentCursor:
    """aiosqlite's Cursor, on the thread of the session."""

    def __init__(self, connection: LentSqlite) -> None:
        self._lent = connection
        self._cursor: sqlite3.Cursor | None = None
        self.arraysize = 1

    async def __aenter__(self) -> LentCursor:
        return self

    @property
    def description(self) -> Any:
        return self._cursor.description if self._cursor else None

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount if self._cursor else -1

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid if self._cursor else None

    async def execute(self, sql: str, parameters: Any = ()) -> LentCursor:
        self._cursor = await self._lent.run(sqlite3.Connection.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Any) -> LentCursor:
        self._cursor = await self._lent.run(sqlite3.Connection.executemany, sql, parameters)
        return self

    async def fetchone(self) -> Any:
        return await self._fetch(sqlite3.Cursor.fetchone)

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        rows: Sequence[Any] = await self._fetch(sqlite3.Cursor.fetchmany, size or self.arraysize)
        return rows

    async def fetchall(self) -> Sequence[Any]:
        rows: Sequence[Any] = await self._fetch(sqlite3.Cursor.fetchall)
        return rows

    async def close(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            await self._lent.run(_on_its_thread, cursor.close)

    async def _fetch(self, method: Callable[..., Any], *args: Any) -> Any:
        return await self._lent.run(_on_its_thread, method, self._cursor, *args) if self._cursor else None


def _on_its_thread(_: sqlite3.Connection, call: Callable[..., Any], *args: Any) -> Any:
    return call(*args)
