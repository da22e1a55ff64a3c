"""A SQLite database whose commits a test counts, holds up or makes fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from atoll.storage import Database
from atoll.storage.sqlite.engine import SqliteEngine, connected
from atoll.storage.sqlite.members import Pace


class Watched(sqlite3.Connection):
    """A connection that notes its transactions' statements and repeated ones, and asks `before_commit` first."""

    heard: list[str]
    before_commit: Callable[[], None]

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        word = sql.partition(" ")[0]
        if word in ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT"):
            self.heard.append(word)
        if word == "COMMIT":
            self.before_commit()
        return super().execute(sql, *args)

    def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
        self.heard.append(f"{sql.partition(' ')[0]} * {len(rows)}")
        return super().executemany(sql, rows)


class Commits:
    """What a test sees and decides of the commits."""

    def __init__(self, connection: Watched) -> None:
        self._connection = connection
        self.arrived = Event()
        connection.heard = []
        connection.before_commit = lambda: None

    @property
    def heard(self) -> list[str]:
        """BEGIN, SAVEPOINT, RELEASE, ROLLBACK, COMMIT and what was run for many rows (`INSERT * 2`), in order."""
        return self._connection.heard

    def fail(self, code: int) -> None:
        """Let each commit fail with a code of SQLite."""

        def refuse() -> None:
            error = sqlite3.OperationalError("as if the disk had failed")
            error.sqlite_errorcode = code
            raise error

        self._connection.before_commit = refuse

    def succeed(self) -> None:
        """Let each commit succeed."""
        self._connection.before_commit = lambda: None

    def wait_for(self, event: Event) -> None:
        """Hold each commit up until `event` is set; `arrived` tells when there is one."""

        def wait() -> None:
            self.arrived.set()
            event.wait(30)

        self._connection.before_commit = wait


def always(pace: Pace, done: int, waiting: int) -> bool:
    """Share a commit whenever there is somebody to share it with."""
    return True


async def watched(path: Path) -> tuple[Database, Commits]:
    """Open a database that shares each commit it can, with a table `things`."""
    writer = connected(path, connection=Watched)
    commits = Commits(writer) if isinstance(writer, Watched) else None
    if commits is None:
        raise TypeError("the connection is not the one that was asked for")
    reader = connected(path, ("PRAGMA query_only=ON",))
    db = await Database.over(SqliteEngine(path, writer, reader, pays=always))
    await db.engine.script("CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY, text TEXT)")
    commits.heard.clear()
    return db, commits
