"""The committed events of a file: looked up beside the writing connection, added in one turn of it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from atoll.core.clock import Clock
from atoll.core.crashing import crash_point
from atoll.eventstore.deciding import Head, Key, Row
from atoll.eventstore.events import Position
from atoll.eventstore.port import Write
from atoll.eventstore.sql.remembering import Moved, Places
from atoll.eventstore.sqlite.words import WORDS, insertion
from atoll.storage import ConstraintViolated, Database
from atoll.storage.port import Statement
from atoll.storage.uninterrupted import uninterrupted

COMMITTING = crash_point("events.committing")
COMMITTED = crash_point("events.committed")


class SqliteTable:
    """`last` is the number of the last event, as far as is known here."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.last: int | None = None

    async def heads(self, keys: Set[Key]) -> dict[Key, Head]:
        heads: dict[Key, Head] = {}
        for tenant, stream, version, deleted, _, _, last in await self._read(WORDS.heads, sorted(keys)):
            heads[tenant, stream] = Head(version, bool(deleted))
            self.last = last
        return heads

    async def places(self, wanted: Set[tuple[Key, str]]) -> Places:
        places: Places = {each: {} for each in wanted}
        ids = sorted({event_id for _, event_id in wanted})
        these = WORDS.dialect.one_of("$1")
        sql = f"SELECT tenant, stream, id, version, number FROM atoll_events WHERE id {these}"
        for tenant, stream, event_id, version, number in await self._read(sql, ids):
            if (place := places.get(((tenant, stream), event_id))) is not None:
                place[version] = Position(0, number)
        return places

    async def insert(self, writes: Sequence[Write], rows: Sequence[Row]) -> Position:
        """Insert rows after the last event that is known of. Raises Moved when there are later ones."""
        if (last := self.last) is None:
            raise Moved
        statements = insertion(rows, transaction=0, first=last + 1, time=self._clock.now())
        session = await self._db.engine.begin("read committed")
        COMMITTING.reached()
        try:
            await uninterrupted(session.commit(statements))
        except ConstraintViolated as error:
            raise Moved from error
        COMMITTED.reached()
        self.last = last + len(rows)
        return Position(0, last)

    async def _read(self, sql: str, these: Sequence[object]) -> Sequence[tuple[Any, ...]]:
        return (await self._db.engine.read(Statement(sql, (these,)))).rows
