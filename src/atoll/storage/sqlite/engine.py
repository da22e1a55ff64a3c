"""SQLite behind the engine port: one writing connection and one reading, each on a thread of its own.

`BEGIN IMMEDIATE` under a lock of the loop gives each unit of work its turn, first come first served, so
SQLITE_BUSY is only met when another process holds the file. WAL with `synchronous=FULL` makes a commit durable
(https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from atoll.storage.errors import ConstraintViolated, DatabaseUnusable, StatementFailed
from atoll.storage.port import Result, Session, Statement
from atoll.storage.rows import bind

T = TypeVar("T")

BUSY_SECONDS: Final = 10.0
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=1000",
)


class SqliteEngine:
    """One database file. Made by `SqliteEngine.open`."""

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self._writer = _Connection(writer, f"sqlite-write-{path.stem}")
        self._reader = _Connection(reader, f"sqlite-read-{path.stem}")
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

    async def begin(self) -> Session:
        await self._turn.acquire()
        return _SqliteSession(self._writer, self._turn)

    async def read(self, statement: Statement) -> Result:
        return await self._reader.call(_run, statement)

    async def script(self, sql: str) -> None:
        async with self._turn:
            await self._writer.call(sqlite3.Connection.executescript, sql)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            async with self._turn:
                await self._reader.close()
                await self._writer.close()


class _SqliteSession:
    def __init__(self, connection: _Connection, turn: asyncio.Lock) -> None:
        self._connection = connection
        self._turn = turn
        self._begun = False

    async def run(self, statement: Statement) -> Result:
        first, self._begun = not self._begun, True
        return await self._connection.call(_run_first if first else _run_within, statement)

    async def commit(self, last: Sequence[Statement]) -> None:
        await self._end(_commit, self._begun, last)

    async def rollback(self) -> None:
        await self._end(_rollback)

    async def _end(self, call: Callable[..., None], *args: Any) -> None:
        work = asyncio.ensure_future(self._connection.call(call, *args))
        work.add_done_callback(lambda _: self._turn.release())
        await uninterrupted(work)


class _Connection:
    """A connection and the one thread that may touch it, so calls run one after the other."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, function, self._connection, *args)
        except sqlite3.IntegrityError as error:
            raise ConstraintViolated(str(error)) from error
        except sqlite3.Error as error:
            raise StatementFailed(f"{error}{_about(args)}") from error

    async def close(self) -> None:
        await self.call(sqlite3.Connection.close)
        self._thread.shutdown(wait=True)


async def uninterrupted(work: asyncio.Future[None]) -> None:
    """Wait for `work` to end even when cancelled meanwhile; the cancellation is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001 - raised again by result() below
            break
    work.result()
    if cancelled is not None:
        raise cancelled


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


def _run_first(connection: sqlite3.Connection, statement: Statement) -> Result:
    connection.execute("BEGIN IMMEDIATE")
    return _run(connection, statement)


def _run_within(connection: sqlite3.Connection, statement: Statement) -> Result:
    if not connection.in_transaction:  # SQLite ends it by itself when the disk is full or fails
        raise sqlite3.OperationalError("the transaction was rolled back by an earlier error")
    return _run(connection, statement)


def _run(connection: sqlite3.Connection, statement: Statement) -> Result:
    sql, args = statement
    cursor = connection.execute(sql, {str(place): bind(value) for place, value in enumerate(args, 1)})
    columns = tuple(column[0] for column in cursor.description or ())
    return Result(columns, cursor.fetchall(), cursor.rowcount)


def _commit(connection: sqlite3.Connection, begun: bool, last: Sequence[Statement]) -> None:
    try:
        if not begun:
            connection.execute("BEGIN IMMEDIATE")
        for statement in last:
            _run_within(connection, statement)
        connection.execute("COMMIT")
    except BaseException:
        _rollback(connection)
        raise


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _about(args: tuple[Any, ...]) -> str:
    statement = next((each for each in args if isinstance(each, Statement)), None)
    return "" if statement is None else f", in: {' '.join(statement.sql.split())[:200]}"
