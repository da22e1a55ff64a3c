"""The writer of an event log on a database: what joins a unit of work, and what shares a commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from atoll.eventstore.checking import encoded
from atoll.eventstore.errors import EventStoreError
from atoll.eventstore.events import Appended, Position
from atoll.eventstore.port import Outcome, Write
from atoll.eventstore.sql.words import Words
from atoll.storage import Database, UnitOfWork

_HIDDEN: Final = """
    NOT ({after}) AND e.version < (
        SELECT s.truncated_before FROM atoll_streams s WHERE s.tenant = e.tenant AND s.stream = e.stream
    ) AND e.version < (SELECT max(m.version) FROM atoll_events m WHERE m.tenant = e.tenant AND m.stream = e.stream)
    AND e.stream IN (SELECT stream FROM atoll_streams WHERE truncated_before > 1)
"""


class SqlWriter:
    """The writes of an event log on a database.

    `group` runs several in a transaction of their own, `within` one in a unit of work; `committed` is called after each
    commit.
    """

    def __init__(
        self,
        db: Database,
        words: Words,
        committed: Callable[[], None],
        group: Callable[[Sequence[Write]], Awaitable[list[Outcome]]],
        within: Callable[[UnitOfWork, Write], Awaitable[Outcome]],
    ) -> None:
        self._db = db
        self._words = words
        self._within = within
        self._committed = committed
        self._group = group

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes = await self._group(writes)
        self._committed()
        return outcomes

    async def write_within(self, unit: UnitOfWork, write: Write) -> Outcome:
        outcome = await self._within(unit, write)
        unit.after_commit(self._committed)
        return outcome

    async def delete(self, write: Write) -> Appended:
        async def work() -> Appended:
            outcome = await self.write_within(self._db.unit_of_work(), write)
            if isinstance(outcome, EventStoreError):
                raise outcome
            stream, hidden = write.parts[0].stream, outcome[0].version + 1
            await self.annotate(write.tenant, stream, metadata=None, truncated_before=hidden)
            return outcome[0]

        return await self._db.atomic(work)

    async def annotate(
        self, tenant: str, stream: str, *, metadata: Mapping[str, Any] | None, truncated_before: int | None
    ) -> None:
        notes = {"truncated_before": truncated_before, "metadata": None if metadata is None else encoded(metadata)}
        new = ", ".join(f"{name} = excluded.{name}" for name, value in notes.items() if value is not None)
        sql = (
            "INSERT INTO atoll_streams (tenant, stream, truncated_before, metadata) VALUES ($1, $2, $3, $4) "
            f"ON CONFLICT (tenant, stream) DO UPDATE SET {new}"
        )
        args = (tenant, stream, notes["truncated_before"] or 1, notes["metadata"] or "{}")

        async def work() -> None:
            await self._db.execute(sql, *args)

        await self._db.atomic(work)

    async def scavenge(self, before: Position) -> int:
        hidden = _HIDDEN.format(after=self._words.after.format("e", "$1", "$2"))
        place = self._words.place.format("e")
        tagged = self._words.place.format("atoll_event_tags")

        async def work() -> int:
            await self._db.execute(
                f"DELETE FROM atoll_event_tags WHERE {tagged} IN (SELECT {place.strip('()')} FROM atoll_events e "
                f"WHERE {hidden})",
                before.transaction,
                before.number,
            )
            return await self._db.execute(
                f"DELETE FROM atoll_events AS e WHERE {hidden}", before.transaction, before.number
            )

        return await self._db.atomic(work)
