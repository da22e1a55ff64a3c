"""The event log on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from atoll.core.clock import Clock
from atoll.core.machine import chance
from atoll.eventstore.events import Blocker
from atoll.eventstore.port import Outcome, Reader, Write, Writer
from atoll.eventstore.postgres.blockers import blockers
from atoll.eventstore.postgres.group import PostgresTable
from atoll.eventstore.postgres.joining import Joining
from atoll.eventstore.postgres.locks import take_locks, take_the_count
from atoll.eventstore.postgres.neighbours import Neighbours
from atoll.eventstore.postgres.pinned import Pinned
from atoll.eventstore.postgres.restored import keep_order
from atoll.eventstore.postgres.words import GAPLESS_WORDS, WORDS
from atoll.eventstore.signal import Signal
from atoll.eventstore.sql.keeping import SqlWriter
from atoll.eventstore.sql.opening import ready_tables
from atoll.eventstore.sql.reading import SqlReader
from atoll.eventstore.sql.remembering import Moved, Remembering
from atoll.eventstore.sql.writing import SqlWriting
from atoll.storage import ConstraintViolated, Database, TransactionConflict, UnitOfWork
from atoll.storage.postgres.engine import PostgresEngine
from atoll.storage.uninterrupted import uninterrupted
from atoll.storage.unit_of_work import ambient_unit

ATTEMPTS: Final = 50
"""How often appends run again that other processes got ahead of, each time after at least one of those succeeded."""

PAUSE_SECONDS: Final = 0.01


class PostgresEventLog:
    """The log in one database of a server."""

    def __init__(self, db: Database, clock: Clock, *, gapless: bool) -> None:
        dsn = cast("PostgresEngine", db.engine).address.dsn
        words = GAPLESS_WORDS if gapless else WORDS
        self._db = db
        self._clock = clock
        self._gapless = gapless
        self._pinned = Pinned(dsn)
        self._group = Remembering(PostgresTable(self._pinned, clock))
        self.changed = Signal()
        self._neighbours = Neighbours(dsn, self.changed)
        self._writing = SqlWriting(words, clock, take_the_count if gapless else take_locks)
        self._joining = Joining(words, self._neighbours.connection, self._writing, gapless=gapless)
        self.reader: Reader = PostgresReader(db, words)
        self.writer: Writer = SqlWriter(db, words, self._committed, self._write, self._joining.within)

    @classmethod
    async def over(cls, db: Database, *, gapless: bool, clock: Clock) -> PostgresEventLog:
        """Make the tables and stand on them. Raises StoreMismatch."""
        await ready_tables(db, GAPLESS_WORDS if gapless else WORDS, gapless=gapless)
        await keep_order(db)
        return cls(db, clock, gapless=gapless)

    async def listen(self) -> None:
        await self._neighbours.connection.open()

    def joined(self) -> UnitOfWork | None:
        unit = ambient_unit()
        return unit if unit is not None and unit.database is self._db else None

    async def close(self) -> None:
        await self._neighbours.close()
        await self._pinned.close()

    def _committed(self) -> None:
        self.changed.set()
        self._neighbours.tell()

    async def _write(self, writes: Sequence[Write]) -> list[Outcome]:
        if not self._gapless and all(each.condition is None for each in writes):
            try:
                return await self._group.write(writes)
            except Moved:
                self._group.forget(writes)
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._write_looking(writes)
            except (ConstraintViolated, TransactionConflict):
                await self._clock.sleep(chance() * PAUSE_SECONDS * min(attempt, 10))
        return await self._write_looking(writes)

    async def _write_looking(self, writes: Sequence[Write]) -> list[Outcome]:
        """Write in a transaction that looks at the streams and conditions first."""
        self._group.forget(writes)
        session = await self._db.engine.begin("read committed")
        try:
            batch, after = await self._writing.decide(session, writes)
            insertion = self._writing.insertion(batch.rows, after)
            for each in insertion:
                await session.execute(each)
        except BaseException:
            await uninterrupted(session.rollback())
            raise
        await uninterrupted(session.commit(()))
        return batch.outcomes(after)


class PostgresReader(SqlReader):
    """Reads, and what holds them back."""

    async def blockers(self) -> list[Blocker]:
        return await blockers(self._db)
