"""SQLite behind the engine port: one writing connection and one reading, each on a thread of its own.

`BEGIN IMMEDIATE` under a lock of the loop gives each unit of work its turn, first come first served, so
SQLITE_BUSY is only met when another process holds the file for long; it is told as a conflict, to be tried again.
Units of work are serializable by that, whatever isolation they ask for. WAL with `synchronous=FULL` makes a commit
durable (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from atoll.storage.dialect import Dialect
from atoll.storage.errors import (
    ConstraintViolated,
    DatabaseUnusable,
    DiskFailed,
    StatementFailed,
    StorageError,
    TransactionConflict,
    ValueRefused,
)
from atoll.storage.port import Isolation, Result, Session, Statement
from atoll.storage.rows import bind
from atoll.storage.sqlite.dialect import DIALECT

T = TypeVar("T")

_logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 10.0
_FAILING: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL}
)
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=1000",
)


class SqliteEngine:
    """One database file. Made by `SqliteEngine.open`."""

    dialect: Dialect = DIALECT

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self._writer = SqliteConnection(writer, f"sqlite-write-{path.stem}")
        self._reader = SqliteConnection(reader, f"sqlite-read-{path.stem}")
        self._turn = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> SqliteEngine:
        """Open or create the file at `path`. Raises DatabaseUnusable when it is no database or not writable."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(path, _connect(path, _PRAGMAS), _connect(path, ("PRAGMA query_only=ON",)))
        except (sqlite3.Error, OSError) as error:
            raise DatabaseUnusable(
                f"the SQLite database {path} cannot be used ({error}); if the file is damaged, move it away "
                "or restore a copy of it"
            ) from error

    async def begin(self, isolation: Isolation = "serializable") -> Session:
        await self._turn.acquire()
        return SqliteSession(self._writer, self._turn)

    async def read(self, statement: Statement) -> Result:
        return await self._reader.call(_fetch, statement)

    async def script(self, sql: str) -> None:
        async with self._turn:
            await self._writer.call(_script, self.dialect.fill(sql))

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            async with self._turn:
                await self._reader.close()
                await self._writer.close()


class SqliteSession:
    """The writing connection while it is this transaction's turn."""

    def __init__(self, connection: SqliteConnection, turn: asyncio.Lock) -> None:
        self.connection = connection
        self._turn = turn
        self._begun = False

    async def execute(self, statement: Statement) -> int:
        return await self.connection.call(self._place(), _execute, statement)

    async def fetch(self, statement: Statement) -> Result:
        return await self.connection.call(self._place(), _fetch, statement)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on the connection's thread, within the transaction; for bridges.

        Raises what the driver raises.
        """
        return await self.connection.run(self._place(), function, *args)

    def _place(self) -> Callable[..., Any]:
        first, self._begun = not self._begun, True
        return _first if first else _within

    async def commit(self, last: Sequence[Statement]) -> None:
        try:
            await self.connection.call(_commit, self._begun, last)
        finally:
            self._turn.release()

    async def rollback(self) -> None:
        try:
            await self.connection.call(_rollback)
        except StorageError as error:
            _logger.warning("a rollback failed: %s", error)
        finally:
            self._turn.release()


class SqliteConnection:
    """A connection and the one thread that may touch it, so calls run one after the other."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on the thread. Raises StatementFailed and its kinds."""
        try:
            return await self.run(function, *args)
        except (sqlite3.Error, OverflowError) as error:
            raise translated(error, args) from error

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on the thread. Raises what the driver raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, self._connection, *args)

    async def close(self) -> None:
        await self.call(sqlite3.Connection.close)
        self._thread.shutdown(wait=True)


def _connect(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        for pragma in pragmas:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _first(connection: sqlite3.Connection, function: Callable[..., T], *args: Any) -> T:
    connection.execute("BEGIN IMMEDIATE")
    return function(connection, *args)


def _within(connection: sqlite3.Connection, function: Callable[..., T], *args: Any) -> T:
    if not connection.in_transaction:  # SQLite ends it by itself when the disk is full or fails
        raise sqlite3.OperationalError("the transaction was rolled back by an earlier error")
    return function(connection, *args)


def _run(connection: sqlite3.Connection, statement: Statement) -> sqlite3.Cursor:
    sql, args = statement
    return connection.execute(sql, {str(place): bind(value) for place, value in enumerate(args, 1)})


def _execute(connection: sqlite3.Connection, statement: Statement) -> int:
    cursor = _run(connection, statement)
    if cursor.description:
        cursor.fetchall()  # the changes of a RETURNING are counted once all of it is read
    return max(cursor.rowcount, 0)


def _fetch(connection: sqlite3.Connection, statement: Statement) -> Result:
    cursor = _run(connection, statement)
    return Result(tuple(column[0] for column in cursor.description or ()), cursor.fetchall())


def _script(connection: sqlite3.Connection, sql: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\n;COMMIT")
    except BaseException:
        _rollback(connection)
        raise


def _commit(connection: sqlite3.Connection, begun: bool, last: Sequence[Statement]) -> None:
    try:
        if not begun:
            connection.execute("BEGIN IMMEDIATE")
        for statement in last:
            _within(connection, _run, statement)
        connection.execute("COMMIT")
    except BaseException:
        _rollback(connection)
        raise


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def translated(error: sqlite3.Error | OverflowError, args: tuple[Any, ...]) -> StorageError:
    """Return the error to raise; only one that clients do not see shows the SQL."""
    if isinstance(error, OverflowError):
        return ValueRefused(str(error))
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintViolated(str(error))
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TransactionConflict(str(error))
    if code in _FAILING:
        return DiskFailed(str(error))
    return StatementFailed(f"{error}{_about(args)}")


def _about(args: tuple[Any, ...]) -> str:
    statement = next((each for each in args if isinstance(each, Statement)), None)
    return "" if statement is None else f", in: {' '.join(statement.sql.split())[:200]}"
