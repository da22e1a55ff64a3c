"""The event log on SQLite: a batch of appends is one turn of the writing connection."""

from __future__ import annotations

from collections.abc import Sequence

from atoll.core.clock import Clock
from atoll.eventstore.events import Blocker
from atoll.eventstore.port import Outcome, Reader, Write, Writer
from atoll.eventstore.signal import Signal
from atoll.eventstore.sql.keeping import SqlWriter
from atoll.eventstore.sql.opening import ready_tables
from atoll.eventstore.sql.reading import SqlReader
from atoll.eventstore.sql.remembering import Moved, Remembering
from atoll.eventstore.sql.writing import SqlWriting
from atoll.eventstore.sqlite.table import SqliteTable
from atoll.eventstore.sqlite.words import WORDS
from atoll.storage import Database, UnitOfWork
from atoll.storage.port import Session
from atoll.storage.uninterrupted import uninterrupted
from atoll.storage.unit_of_work import ambient_unit


class SqliteEventLog:
    """The log in one file. Commits of other processes are found by looking, some of this one by `changed`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._writing = SqlWriting(WORDS, clock, _take_no_turn)
        self._table = SqliteTable(db, clock)
        self._group = Remembering(self._table)
        self.changed = Signal()
        self.reader: Reader = SqliteReader(db, WORDS)
        self.writer: Writer = SqlWriter(db, WORDS, self.changed.set, self._write, self._writing.within)

    @classmethod
    async def over(cls, db: Database, *, clock: Clock) -> SqliteEventLog:
        """Make the tables and stand on them. Raises StoreMismatch."""
        await ready_tables(db, WORDS, gapless=False)
        return cls(db, clock)

    async def listen(self) -> None:
        """A file tells nobody that it was written; who follows the feed looks twice a second."""

    def joined(self) -> UnitOfWork | None:
        unit = ambient_unit()
        return unit if unit is not None and unit.database is self._db else None

    async def close(self) -> None:
        """The database is its owner's to close."""

    async def _write(self, writes: Sequence[Write]) -> list[Outcome]:
        if all(each.condition is None for each in writes):
            try:
                return await self._group.write(writes)
            except Moved:
                self._group.forget(writes)
        return await self._write_looking(writes)

    async def _write_looking(self, writes: Sequence[Write]) -> list[Outcome]:
        """Write in a transaction that looks at the streams and conditions first."""
        self._group.forget(writes)
        session = await self._db.engine.begin("read committed")
        try:
            batch, after = await self._writing.decide(session, writes)
            insertion = self._writing.insertion(batch.rows, after)
        except BaseException:
            await uninterrupted(session.rollback())
            raise
        await uninterrupted(session.commit(insertion))
        self._table.last = after.number + len(batch.rows)
        return batch.outcomes(after)


class SqliteReader(SqlReader):
    """Nothing holds the feed back: transactions that write take turns."""

    async def blockers(self) -> list[Blocker]:
        return []


async def _take_no_turn(session: Session, writes: Sequence[Write]) -> None:
    """An open transaction is the only one that writes."""
