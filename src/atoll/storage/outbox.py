"""The transactional outbox: messages committed with the rows they speak of, published later by a relay.

Source: https://microservices.io/patterns/data/transactional-outbox.html

An unpublished row is ready, or waits for its time (`due_at`), or is held (`held_at`) behind a message of its key that
the broker refuses. Each kind has an index of its own, so that no number of one makes finding another slower.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from atoll.contracts import Message
from atoll.core.clock import Clock
from atoll.storage.key_ranges import lane_of, range_of
from atoll.storage.outbox_lease import READY, OutboxLease

if TYPE_CHECKING:
    from atoll.storage.database import Database


_COUNT: Final = (
    f"SELECT (SELECT count(*) FROM atoll_outbox WHERE {READY}) "
    "+ (SELECT count(*) FROM atoll_outbox WHERE held_at IS NOT NULL) "
    "+ (SELECT count(*) FROM atoll_outbox WHERE due_at <= $1)"
)


class OutboxRow(msgspec.Struct, frozen=True):
    """A message that waits to be published.

    `seq` grows in the order of commits, between units of work that wrote the same row or did not overlap. Of two
    that ran side by side without touching each other either may come first.
    """

    seq: int
    message: Message


class Outbox:
    """The outbox of one database. `committed` is set after each commit that added a message.

    `earliest_due` is when the first of those is due that were scheduled here since somebody set it to infinity.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.committed = asyncio.Event()
        self.earliest_due = inf

    def add(self, message: Message, *, due_at: float | None = None) -> None:
        """Publish `message` once the unit of work in hand commits, or at `due_at` (epoch seconds) if that is later.

        Raises NoUnitOfWork outside of one.
        """
        unit = self._db.unit_of_work()
        lane = lane_of(message)
        unit.defer(
            "INSERT INTO atoll_outbox (id, lane, key_range, message, due_at) VALUES ($1, $2, $3, $4, $5)",
            message.id,
            lane,
            range_of(lane),
            message,
            due_at,
        )
        if due_at is not None:
            unit.after_commit(lambda: self._note_due(due_at))
        unit.after_commit(self.committed.set)

    def lease(self, *, owner: str, clock: Clock | None = None) -> OutboxLease:
        """Return what a relay of this name works under; it holds nothing yet."""
        return OutboxLease(self._db, clock or self._clock, owner=owner)

    async def pending(self, limit: int = 500) -> list[OutboxRow]:
        """Return the oldest unpublished messages, at most `limit`, in order: the ready, the held and the scheduled.

        For people and tests: it looks through all rows that are kept. A relay asks its lease.
        """
        return await self._db.fetch_all(
            OutboxRow,
            "SELECT seq, message FROM atoll_outbox WHERE confirmed_at IS NULL ORDER BY seq LIMIT $1",
            limit,
        )

    async def published(self, limit: int = 100) -> list[OutboxRow]:
        """Return the newest messages that the broker has confirmed, at most `limit` of those still kept."""
        return await self._db.fetch_all(
            OutboxRow,
            "SELECT seq, message FROM atoll_outbox WHERE confirmed_at IS NOT NULL ORDER BY seq DESC LIMIT $1",
            limit,
        )

    async def count(self) -> int:
        """Return how many messages are unpublished, without those whose time has not come."""
        return int(await self._db.fetch_value(_COUNT, self._clock.now()))

    async def sweep(self, before: float, *, limit: int = 1000) -> int:
        """Remove at most `limit` rows confirmed before that time (epoch seconds); return how many."""
        async with self._db.transaction("read committed"):
            return await self._db.execute(
                "DELETE FROM atoll_outbox WHERE seq IN "
                "(SELECT seq FROM atoll_outbox WHERE confirmed_at < $1 ORDER BY confirmed_at LIMIT $2)",
                before,
                limit,
            )

    def _note_due(self, due_at: float) -> None:
        self.earliest_due = min(self.earliest_due, due_at)
