"""Reading events: streams, the feed, selections."""

from __future__ import annotations

from typing import Any

import msgspec

from atoll.eventstore.events import (
    START,
    TOMBSTONE,
    Condition,
    Position,
    Query,
    RecordedEvent,
    Selection,
    StreamInfo,
)
from atoll.eventstore.port import FeedPage, FeedSlice, StreamSlice
from atoll.eventstore.sql.querying import Args, Selecting
from atoll.eventstore.sql.rows import COLUMNS, recorded_all
from atoll.eventstore.sql.words import Words
from atoll.storage import Database
from atoll.storage.port import Result, Statement
from atoll.storage.unit_of_work import ambient_unit

_END = 3
"""Columns that tell the end of the feed, before those of an event."""


class SqlReader:
    """The reads of an event log on a database."""

    def __init__(self, db: Database, words: Words) -> None:
        self._db = db
        self._words = words

    async def stream(self, part: StreamSlice) -> list[RecordedEvent]:
        beyond, order = ("<=", "DESC") if part.backward else (">=", "ASC")
        rows = await self._fetch(
            f"SELECT {self._words.place_columns}, {COLUMNS} FROM atoll_events e "
            f"WHERE e.tenant = $1 AND e.stream = $2 AND e.version {beyond} $3 AND e.version >= coalesce("
            "(SELECT s.truncated_before FROM atoll_streams s WHERE s.tenant = $1 AND s.stream = $2), 1) "
            f"ORDER BY e.version {order} LIMIT $4",
            part.tenant,
            part.stream,
            part.start,
            part.limit,
        )
        return recorded_all(rows)

    async def info(self, tenant: str, stream: str) -> StreamInfo:
        last = await self._fetch(
            "SELECT version, type FROM atoll_events WHERE tenant = $1 AND stream = $2 ORDER BY version DESC LIMIT 1",
            tenant,
            stream,
        )
        notes = await self._fetch(
            "SELECT truncated_before, metadata FROM atoll_streams WHERE tenant = $1 AND stream = $2", tenant, stream
        )
        version, kind = last[0] if last else (0, "")
        before, metadata = notes[0] if notes else (1, "{}")
        return StreamInfo(
            version=version,
            truncated_before=before,
            metadata=msgspec.json.decode(metadata),
            deleted=kind == TOMBSTONE,
        )

    async def feed(self, part: FeedSlice) -> FeedPage:
        args = Args()
        condition = Selecting(self._words, part.tenant, part.after, args).matching(part.query)
        inner = f"{condition}{self._words.settled} ORDER BY {self._order()} LIMIT {args.add(part.limit)}"
        rows = await self._from_the_end(inner, args, within=False)
        end, held = Position(rows[0][0], rows[0][1]), bool(rows[0][2])
        events = recorded_all(row[_END:] for row in rows if row[_END + 1] is not None)
        reached = events[-1].position if len(events) >= part.limit else end
        return FeedPage(position=max(part.after, reached), events=events, held=held)

    async def select(self, tenant: str, query: Query) -> Selection:
        args = Args()
        condition = Selecting(self._words, tenant, START, args).matching(query)
        rows = await self._from_the_end(f"{condition} ORDER BY {self._order()}", args, within=True)
        after = Position(rows[0][0], rows[0][1])
        events = recorded_all(row[_END:] for row in rows if row[_END + 1] is not None)
        seen = sum(each.position > after for each in events)
        return Selection(events, Condition(query, after, seen))

    async def end(self) -> Position:
        rows = (await self._db.engine.read(Statement(self._words.newest))).rows
        return Position(*rows[0]) if rows else START

    async def _from_the_end(self, inner: str, args: Args, *, within: bool) -> Any:
        """Fetch the end of the feed with each event of `inner`, which may name it as `h`; or with none."""
        events = f"SELECT {self._words.place_columns}, {COLUMNS} FROM atoll_events e WHERE {inner}"
        sql = (
            "SELECT h.transaction_id, h.number, h.held, "
            f"o.* FROM ({self._words.end}) h LEFT JOIN {self._words.lateral} ({events}) o ON true "
            "ORDER BY o.transaction_id, o.number"
        )
        if within:
            return await self._fetch(sql, *args.values)
        return (await self._db.engine.read(Statement(sql, tuple(args.values)))).rows

    async def _fetch(self, sql: str, *args: Any) -> Any:
        unit = ambient_unit()
        if unit is not None and unit.database is self._db:
            return (await unit.fetch(sql, *args)).rows
        result: Result = await self._db.engine.read(Statement(sql, args))
        return result.rows

    def _order(self) -> str:
        return self._words.place.format("e").strip("()")
