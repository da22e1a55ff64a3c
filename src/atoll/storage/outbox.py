"""The transactional outbox: messages committed with the rows they speak of, published later by a relay.

Source: https://microservices.io/patterns/data/transactional-outbox.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from atoll.contracts import Message
from atoll.core.clock import Clock

if TYPE_CHECKING:
    from atoll.storage.database import Database


class OutboxRow(msgspec.Struct, frozen=True):
    """A message that waits to be published.

    `seq` grows in the order of commits, between units of work that wrote the same row or did not overlap. Of two
    that ran side by side without touching each other either may come first.
    """

    seq: int
    message: Message


class Outbox:
    """The outbox of one database. `committed` is set after each commit that added a message."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.committed = asyncio.Event()

    def add(self, message: Message) -> None:
        """Publish `message` once the unit of work in hand commits. Raises NoUnitOfWork outside of one."""
        unit = self._db.unit_of_work()
        unit.defer("INSERT INTO atoll_outbox (id, message) VALUES ($1, $2)", message.id, message)
        unit.after_commit(self.committed.set)

    async def pending(self, limit: int = 500) -> list[OutboxRow]:
        """Return the oldest unpublished messages, at most `limit`, in order."""
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

    async def confirm(self, seqs: Sequence[int]) -> None:
        """Note that the broker has these; they stay for a while, and `sweep` removes them."""
        these = self._db.engine.dialect.one_of("$2", "BIGINT")
        async with self._db.transaction("read committed"):
            await self._db.execute(
                f"UPDATE atoll_outbox SET confirmed_at = $1 WHERE seq {these}",
                self._clock.now(),
                list(seqs),
            )

    async def count(self) -> int:
        """Return how many messages are unpublished."""
        value = await self._db.fetch_value("SELECT count(*) FROM atoll_outbox WHERE confirmed_at IS NULL")
        return int(value)

    async def sweep(self, before: float, *, limit: int = 1000) -> int:
        """Remove at most `limit` rows confirmed before that time (epoch seconds); return how many."""
        async with self._db.transaction("read committed"):
            return await self._db.execute(
                "DELETE FROM atoll_outbox WHERE seq IN "
                "(SELECT seq FROM atoll_outbox WHERE confirmed_at < $1 ORDER BY confirmed_at LIMIT $2)",
                before,
                limit,
            )
