"""Appends within a unit of work.

What they decide on is looked up outside of it, on what is committed now, and remembered of what the unit of work has
appended itself. Looked up within, at SERIALIZABLE, each append would have read the pages of the indexes that the next
one writes, and units of work that have nothing in common would undo each other; and a condition would hold against a
snapshot older than its locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from atoll.eventstore.deciding import Batch, Head, Key, Known, Missing, Row
from atoll.eventstore.events import TOMBSTONE, Condition, Position
from atoll.eventstore.port import Outcome, Write
from atoll.eventstore.postgres.locks import take_locks, take_the_count
from atoll.eventstore.postgres.looking import count_of, heads_of, places_of
from atoll.eventstore.postgres.pinned import Pinned
from atoll.eventstore.postgres.words import GROUND
from atoll.eventstore.sql.words import Words
from atoll.eventstore.sql.writing import SqlWriting
from atoll.storage import ConstraintViolated, TransactionConflict, UnitOfWork
from atoll.storage.port import Session, Statement


@dataclass(slots=True)
class Mine:
    """What a unit of work has appended so far."""

    heads: dict[Key, Head] = field(default_factory=dict[Key, Head])
    places: dict[tuple[Key, str], dict[int, Position]] = field(
        default_factory=dict[tuple[Key, str], dict[int, Position]]
    )
    rows: list[tuple[Row, Position]] = field(default_factory=list[tuple[Row, Position]])

    def add(self, rows: Sequence[Row], after: Position) -> None:
        for number, row in enumerate(rows, after.number + 1):
            position = Position(after.transaction, number)
            self.heads[row.key] = Head(row.version, row.event.type == TOMBSTONE)
            self.places.setdefault((row.key, row.event.id), {})[row.version] = position
            self.rows.append((row, position))

    def matching(self, tenant: str, condition: Condition) -> int:
        return sum(
            row.key[0] == tenant
            and position > condition.after
            and condition.query.matches(row.event.type, row.event.tags)
            for row, position in self.rows
        )


_mine: Final[WeakKeyDictionary[UnitOfWork, Mine]] = WeakKeyDictionary()


class Joining:
    """The appends to one log that join a unit of work."""

    def __init__(self, words: Words, outside: Pinned, writing: SqlWriting, *, gapless: bool) -> None:
        self._words = words
        self._outside = outside
        self._writing = writing
        self._gapless = gapless

    async def within(self, unit: UnitOfWork, write: Write) -> Outcome:
        """Run a write in a unit of work. Raises TransactionConflict when that must run again."""
        mine = _mine.setdefault(unit, Mine())
        session = await unit.session()
        try:
            after = await self._end(session, write, mine)
            batch = await self._decide(write, mine, after)
            if batch.refused():
                await self._check_snapshot(session, write)
            for each in self._writing.insertion(batch.rows, after):
                await session.execute(each)
        except ConstraintViolated as error:
            conflict = TransactionConflict(f"another transaction appended to the same stream: {error}")
            unit.spoil(conflict)
            raise conflict from error
        except BaseException as error:
            unit.spoil(error)
            raise
        mine.add(batch.rows, after)
        return batch.outcomes(after)[0]

    async def _end(self, session: Session, write: Write, mine: Mine) -> Position:
        """Take the locks, and return after which position the events go."""
        if not self._gapless:
            await take_locks(session, [write])
            transaction = (await session.fetch(Statement(GROUND))).rows[0][0]
            return Position(transaction, len(mine.rows))
        await take_the_count(session, [write])
        if mine.rows:
            return Position(0, mine.rows[-1][1].number)
        newest = await self._outside.fetch(self._words.newest)
        return Position(0, newest[0][1] if newest else 0)

    async def _decide(self, write: Write, mine: Mine, after: Position) -> Batch:
        known = Known(dict(mine.heads))
        while (batch := Batch([write], known)).missing:
            await self._look_up(batch.missing, known, mine, after)
        return batch

    async def _check_snapshot(self, session: Session, write: Write) -> None:
        """Raise TransactionConflict when a write is refused for what was committed after its unit of work began.

        Run again, the unit of work decides on what is there now.
        """
        seen, _ = await self._writing.decide(session, [write])
        if not seen.refused():
            raise TransactionConflict("other transactions appended what this one has not seen, and it must")

    async def _look_up(self, missing: Missing, known: Known, mine: Mine, after: Position) -> None:
        if missing.heads:
            for key, (head, written_by) in (await heads_of(self._outside, missing.heads)).items():
                if written_by > after.transaction:
                    raise TransactionConflict(
                        f"the stream {key[1]!r} was written by a transaction that began after this one, which the feed "
                        "could not show in the order of versions"
                    )
                known.heads[key] = head
        if missing.places:
            for place, found in (await places_of(self._outside, missing.places)).items():
                known.places[place] = found | mine.places.get(place, {})
        for tenant, condition in missing.matching:
            count = await count_of(self._outside, self._words, tenant, condition)
            known.matching[tenant, condition] = count + mine.matching(tenant, condition)
