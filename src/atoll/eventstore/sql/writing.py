"""Writing events in a transaction that is open: look up what the decision needs, decide, insert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from atoll.core.clock import Clock
from atoll.eventstore.deciding import Batch, Head, Key, Known, Missing, Row, needed
from atoll.eventstore.events import Condition, Position
from atoll.eventstore.port import Outcome, Write
from atoll.eventstore.sql.querying import Args, Selecting
from atoll.eventstore.sql.words import Words
from atoll.storage import TransactionConflict, UnitOfWork
from atoll.storage.port import Session, Statement


class Turn(Protocol):
    """What an append does before it looks at anything, so that what it then sees stays true until it commits."""

    async def __call__(self, session: Session, writes: Sequence[Write]) -> None: ...


class SqlWriting:
    """The steps of an append in an open transaction."""

    def __init__(self, words: Words, clock: Clock, turn: Turn) -> None:
        self._words = words
        self._clock = clock
        self._turn = turn

    async def within(self, unit: UnitOfWork, write: Write) -> Outcome:
        """Run a write in a unit of work that is the only one that writes."""
        session = await unit.session()
        try:
            batch, after = await self.decide(session, [write])
            for each in self.insertion(batch.rows, after):
                await session.execute(each)
        except BaseException as error:
            unit.spoil(error)
            raise
        return batch.outcomes(after)[0]

    async def decide(self, session: Session, writes: Sequence[Write]) -> tuple[Batch, Position]:
        """Decide `writes` on what the transaction sees, and return after which position their events go."""
        await self._turn(session, writes)
        missing, known = needed(writes), Known()
        known.heads, after = await self.heads(session, missing.heads)
        await self.look_up(session, missing, known)
        while (batch := Batch(writes, known)).missing:
            await self.look_up(session, batch.missing, known)
        return batch, after

    async def look_up(self, session: Session, missing: Missing, known: Known) -> None:
        """Look up places of ids, and what matches conditions."""
        if missing.places:
            known.places |= await self.places(session, missing.places)
        for tenant, condition in missing.matching:
            known.matching[tenant, condition] = await self.count(session, tenant, condition)

    def insertion(self, rows: Sequence[Row], after: Position) -> list[Statement]:
        """Return the statements that insert `rows` after a position."""
        return self._words.insertion(
            rows, transaction=after.transaction, first=after.number + 1, time=self._clock.now()
        )

    async def heads(self, session: Session, keys: set[Key]) -> tuple[dict[Key, Head], Position]:
        """Return the heads of streams, and after which position the transaction in hand puts events.

        Raises TransactionConflict when one was written by a later transaction, behind which the feed could not put
        what this one writes.
        """
        rows = (await session.fetch(Statement(self._words.heads, (sorted(keys),)))).rows
        heads: dict[Key, Head] = {}
        for tenant, stream, version, deleted, written_by, current, _ in rows:
            if written_by > current:
                raise TransactionConflict(f"the stream {stream!r} was written by a transaction that began later")
            heads[tenant, stream] = Head(version, bool(deleted))
        return heads, Position(rows[0][5], rows[0][6])

    async def places(
        self, session: Session, wanted: set[tuple[Key, str]]
    ) -> dict[tuple[Key, str], dict[int, Position]]:
        """Return in which versions of its stream each event id is."""
        these = self._words.dialect.one_of("$1")
        sql = (
            f"SELECT e.tenant, e.stream, e.id, e.version, {self._words.place_columns} FROM atoll_events e "
            f"WHERE e.id {these}"
        )
        places: dict[tuple[Key, str], dict[int, Position]] = {each: {} for each in wanted}
        ids = sorted({event_id for _, event_id in wanted})
        for tenant, stream, event_id, version, transaction, number in (
            await session.fetch(Statement(sql, (ids,)))
        ).rows:
            if (place := places.get(((tenant, stream), event_id))) is not None:
                place[version] = Position(transaction, number)
        return places

    async def count(self, session: Session, tenant: str, condition: Condition) -> int:
        """Return how many events match after the condition's position."""
        return int((await session.fetch(counting(self._words, tenant, condition))).rows[0][0])


def counting(words: Words, tenant: str, condition: Condition) -> Statement:
    """Return the statement that counts what matches after the condition's position."""
    args = Args()
    where = Selecting(words, tenant, condition.after, args).matching(condition.query)
    return Statement(f"SELECT count(*) FROM atoll_events e WHERE {where}", tuple(args.values))
