"""What a handler writes to: the tables of the generation that it builds."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from atoll.contracts import Event, message_of
from atoll.core.clock import Clock
from atoll.core.context import new_context
from atoll.eventstore import RecordedEvent
from atoll.storage import Database

R = TypeVar("R", bound=msgspec.Struct)


class View:
    """The view as the handler of one event sees it; all of it commits together with the checkpoint.

    `{orders}` in a statement is the table of that name. `recorded` is the event as it is stored. `live` tells whether
    its side effects are to be had: False while a new version or a rebuild catches up with what the view before it has
    handled, so that each event has them once.
    """

    recorded: RecordedEvent
    live: bool = False

    def __init__(self, db: Database, tables: Sequence[str], generation: int, *, source: str, clock: Clock) -> None:
        self._db = db
        self._tables = {each: table_of(each, generation) for each in tables}
        self._filled: dict[str, str] = {}
        self._source = source
        self._clock = clock

    def at(self, recorded: RecordedEvent, *, live: bool) -> View:
        """Turn to an event, and return the view."""
        self.recorded, self.live = recorded, live
        return self

    def table(self, name: str) -> str:
        """Return what the table is called in this generation."""
        return self._tables[name]

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement that writes; return how many rows it changed."""
        return await self._db.execute(self._sql(sql), *args)

    async def fetch_one(self, row: type[R], sql: str, *args: Any) -> R | None:
        """Return the first row as `row`, or None; of what the events before this one have made."""
        return await self._db.fetch_one(row, self._sql(sql), *args)

    async def fetch_all(self, row: type[R], sql: str, *args: Any) -> list[R]:
        """Return every row as `row`."""
        return await self._db.fetch_all(row, self._sql(sql), *args)

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._db.fetch_value(self._sql(sql), *args)

    def emit(self, event: Event) -> None:
        """Publish `event` with the commit, if `live`: once for each recorded event, whatever is rebuilt."""
        if not self.live:
            return
        cause = self.recorded
        context = new_context()
        if cause.correlation:
            context = msgspec.structs.replace(context, request_id=cause.correlation)
        self._db.outbox.add(
            message_of(event, source=self._source, context=context, time=self._clock.now(), causation=cause.id)
        )

    async def side_effect(self, effect: Callable[[], Awaitable[None]]) -> None:
        """Run `effect` if `live`. What it writes to this database is done once; anything else at least once."""
        if self.live:
            await effect()

    def _sql(self, sql: str) -> str:
        if (filled := self._filled.get(sql)) is None:
            filled = self._filled[sql] = filled_in(sql, self._tables)
        return filled


def table_of(name: str, generation: int) -> str:
    """Return the name of a view's table in a generation."""
    return f"{name}__{generation}"


def filled_in(sql: str, tables: dict[str, str]) -> str:
    """Return `sql` with the names in braces filled in; other braces stay."""
    for name, table in tables.items():
        sql = sql.replace(f"{{{name}}}", table)
    return sql


def statements(script: str) -> Iterator[str]:
    """Cut a script into its statements: a driver takes one at a time within a transaction."""
    begun = ""
    for piece in script.split(";"):
        begun += piece
        if sqlite3.complete_statement(f"{begun};"):
            if begun.strip():
                yield begun
            begun = ""
        else:
            begun += ";"
