"""A database in memory that outlives the processes that use it: real SQL, run by SQLite on the spot.

One transaction writes at a time, as in SQLite; reads see the last commit, also while one is open. What a killed
process had not committed is gone. A commit may be refused, or be made, or not, without anyone learning which.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Final

from atoll.storage.dialect import Dialect
from atoll.storage.errors import (
    CommitUnknown,
    ConnectionLost,
    DiskFailed,
    StorageError,
    TransactionConflict,
)
from atoll.storage.port import Isolation, Result, Session, Statement
from atoll.storage.rows import bind
from atoll.storage.sqlite.dialect import DIALECT
from atoll.storage.sqlite.errors import translated
from atoll.testing.simulation.errors import InjectedFault
from atoll.testing.simulation.faults import QUICK, Weather
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.trace import Trace

BUSY_SECONDS: Final = 10.0
"""How long a transaction waits for its turn, as in the SQLite engine."""
_REFUSALS: Final = (ConnectionLost, TransactionConflict, DiskFailed)


class SimulatedDatabase:
    """The disk of one service. Processes reach it through engines of their own.

    `image` is what is on it from the beginning, as `sqlite3.Connection.serialize` returns it.
    """

    def __init__(self, name: str, weather: Weather, trace: Trace, image: bytes = b"") -> None:
        self.name = name
        self.weather = weather
        self.trace = trace
        self._connection = _connect()
        if image:
            self._connection.deserialize(image)
        self._snapshot: sqlite3.Connection | None = None
        self._image = b""
        self._writer: SimulatedSession | None = None
        self._waiting: deque[tuple[SimulatedSession, asyncio.Future[None]]] = deque()

    async def take_turn(self, session: SimulatedSession) -> None:
        """Wait until `session` may write. Raises TransactionConflict when that takes too long."""
        if self._writer is None:
            self._writer = session
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((session, turn))
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await turn
        except TimeoutError as error:
            self.end_turn(session)
            raise TransactionConflict("database is locked") from error
        except BaseException:
            self.end_turn(session)
            raise

    def end_turn(self, session: SimulatedSession) -> None:
        """Undo what `session` has not committed, and let the next one write. Without a turn it does nothing."""
        if self._writer is not session:
            return
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._writer = None
        while self._waiting:
            following, turn = self._waiting.popleft()
            if following.process.alive and not turn.done():
                self._writer = following
                turn.set_result(None)
                return

    def write(self, session: SimulatedSession, statement: Statement) -> sqlite3.Cursor:
        """Run a statement in the transaction of `session`, opening it first."""
        if self._writer is not session:
            raise ConnectionLost("this transaction is over")
        if not self._connection.in_transaction:
            self._image = self._connection.serialize()
            self._drop_snapshot()
            self._connection.execute("BEGIN IMMEDIATE")
        return _run(self._connection, statement)

    def commit(self, session: SimulatedSession) -> None:
        """Keep what `session` has written."""
        if self._writer is session and self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def read(self, statement: Statement) -> Result:
        """Run a statement on the last committed state."""
        if not self._connection.in_transaction:
            return _read_only(self._connection, statement)
        if self._snapshot is None:
            self._snapshot = _connect()
            self._snapshot.deserialize(self._image)
        return _read_only(self._snapshot, statement)

    def script(self, session: SimulatedSession, sql: str) -> None:
        """Run several statements at once."""
        if self._writer is session:
            try:
                self._connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\n;COMMIT")
            except sqlite3.Error as error:
                raise translated(error) from error

    def killed(self, process: Process) -> None:
        """A process is no more: what it had not committed is undone."""
        if self._writer is not None and self._writer.process is process:
            self.end_turn(self._writer)

    def close(self) -> None:
        """Forget everything. Idempotent."""
        self._drop_snapshot()
        self._connection.close()

    def _drop_snapshot(self) -> None:
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None


class SimulatedSession:
    """One transaction; see `atoll.storage.port.Session`."""

    def __init__(self, database: SimulatedDatabase, process: Process) -> None:
        self._database = database
        self.process = process

    async def execute(self, statement: Statement) -> int:
        await _statement_hop(self._database.weather)
        cursor = self._database.write(self, statement)
        _result(cursor)  # the changes of a RETURNING are counted once all of it is read
        return max(cursor.rowcount, 0)

    async def fetch(self, statement: Statement) -> Result:
        await _statement_hop(self._database.weather)
        return _result(self._database.write(self, statement))

    async def expect(self, statement: Statement, otherwise: StorageError) -> None:
        if await self.execute(statement) != 1:
            raise otherwise

    async def rollback(self) -> None:
        self._told("rollback")
        self._database.end_turn(self)

    async def commit(self, last: Sequence[Statement]) -> None:
        database = self._database
        try:
            await database.weather.hop()
            for statement in last:
                database.write(self, statement)
            self._make(_drawn_failure(database.weather))
        finally:
            database.end_turn(self)
        await database.weather.hop()

    def _make(self, failure: _Failure | None) -> None:
        if failure is None or failure.made:
            self._database.commit(self)
        if failure is not None:
            self._told(f"commit fails ({'made' if failure.made else 'not made'})")
            raise failure.error from InjectedFault(str(failure.error))
        self._told("commit")

    def _told(self, what: str) -> None:
        self._database.trace.add(self.process.name, f"{what} {self._database.name}")


class SimulatedEngine:
    """One process's way to its database; see `atoll.storage.port.Engine`."""

    dialect: Dialect = DIALECT
    session: ClassVar[type[SimulatedSession]] = SimulatedSession

    def __init__(self, database: SimulatedDatabase, process: Process) -> None:
        self._database = database
        self._process = process
        process.on_kill.append(lambda: database.killed(process))

    async def begin(self, isolation: Isolation = "serializable") -> Session:
        session = self.session(self._database, self._process)
        await self._database.take_turn(session)
        return session

    async def read(self, statement: Statement) -> Result:
        await _statement_hop(self._database.weather)
        return self._database.read(statement)

    async def script(self, sql: str) -> None:
        session = SimulatedSession(self._database, self._process)
        await self._database.take_turn(session)
        try:
            await _statement_hop(self._database.weather)
            self._database.script(session, self.dialect.fill(sql))
        finally:
            self._database.end_turn(session)

    async def close(self) -> None:
        """The disk stays."""


class _Failure:
    def __init__(self, error: StorageError, *, made: bool) -> None:
        self.error = error
        self.made = made


def _drawn_failure(weather: Weather) -> _Failure | None:
    if weather.happens(weather.faults.commit_fails):
        return _Failure(weather.chance.choice(_REFUSALS)("the simulation refuses this commit"), made=False)
    if weather.happens(weather.faults.commit_unknown):
        return _Failure(CommitUnknown("the connection broke during the commit"), made=weather.happens(0.5))
    return None


async def _statement_hop(weather: Weather) -> None:
    await weather.hop(QUICK)
    if weather.happens(weather.faults.statement_fails):
        raise ConnectionLost("the connection broke") from InjectedFault("the connection broke")


def _connect() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _result(cursor: sqlite3.Cursor) -> Result:
    return Result(tuple(column[0] for column in cursor.description or ()), cursor.fetchall())


def _read_only(connection: sqlite3.Connection, statement: Statement) -> Result:
    connection.execute("PRAGMA query_only=ON")
    try:
        return _result(_run(connection, statement))
    finally:
        connection.execute("PRAGMA query_only=OFF")


def _run(connection: sqlite3.Connection, statement: Statement) -> sqlite3.Cursor:
    sql, args = statement
    try:
        return connection.execute(sql, {str(place): bind(value) for place, value in enumerate(args, 1)})
    except (sqlite3.Error, OverflowError) as error:
        raise translated(error, statement) from error
