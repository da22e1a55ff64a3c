"""SQLite behind the engine port: one writing connection and one reading, each on a thread of its own.

Units of work get the writing connection one after the other (see `line`), and those that come together share a commit
(see `group`), so SQLITE_BUSY is only met when another process holds the file for long; it is told as a conflict, to be
tried again. Units of work are serializable by that, whatever isolation they ask for. WAL with `synchronous=FULL` makes
a commit durable (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from atoll.storage.dialect import Dialect
from atoll.storage.errors import ConnectionLost, DatabaseUnusable
from atoll.storage.port import Isolation, Result, Session, Statement
from atoll.storage.sqlite.dialect import DIALECT
from atoll.storage.sqlite.group import fetch, roll_back
from atoll.storage.sqlite.line import Line, Pays, saves_time
from atoll.storage.sqlite.patience import BUSY_SECONDS, GLANCE_SECONDS, patiently
from atoll.storage.sqlite.session import SqliteSession
from atoll.storage.sqlite.worker import Worker

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=1000",
    f"PRAGMA busy_timeout={GLANCE_SECONDS * 1000:.0f}",
)


class SqliteEngine:
    """One database file. Made by `SqliteEngine.open`."""

    dialect: Dialect = DIALECT

    def __init__(
        self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection, *, pays: Pays = saves_time
    ) -> None:
        self.path = path
        self._writer = Worker(writer, f"sqlite-write-{path.stem}")
        self._reader = Worker(reader, f"sqlite-read-{path.stem}")
        self._line = Line(self._writer, pays)
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, pays: Pays = saves_time) -> SqliteEngine:
        """Open or create the file at `path`. Raises DatabaseUnusable when it is no database or not writable.

        `pays` decides when units of work share a commit.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(path, connected(path, _PRAGMAS), connected(path, ("PRAGMA query_only=ON",)), pays=pays)
        except (sqlite3.Error, OSError) as error:
            raise DatabaseUnusable(
                f"the SQLite database {path} cannot be used ({error}); if the file is damaged, move it away "
                "or restore a copy of it"
            ) from error

    async def begin(self, isolation: Isolation = "serializable") -> Session:
        if self._closed:
            raise ConnectionLost("the SQLite database is closed")
        return SqliteSession(self._writer, self._line, await self._line.take())

    async def read(self, statement: Statement) -> Result:
        return await self._reader.call(fetch, statement)

    async def script(self, sql: str) -> None:
        turn = await self._line.take(alone=True)
        try:
            await self._writer.call(_script, self.dialect.fill(sql))
        finally:
            self._line.let_go(turn)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            turn = await self._line.take(alone=True)
            await self._reader.close()
            await self._writer.close()
            self._line.let_go(turn)


def connected(
    path: Path, pragmas: Sequence[str] = _PRAGMAS, connection: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """Return a connection to the file at `path`. Raises sqlite3.Error."""
    opened = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=connection
    )
    try:
        opened.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        for pragma in pragmas:
            opened.execute(pragma)
    except sqlite3.Error:
        opened.close()
        raise
    return opened


def _script(connection: sqlite3.Connection, sql: str) -> None:
    try:
        patiently(lambda: connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\n;COMMIT"))
    except BaseException:
        roll_back(connection)
        raise
