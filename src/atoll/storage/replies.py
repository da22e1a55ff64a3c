"""Stored replies: what a command answered under an idempotency key, for when it is asked again.

Source: the Idempotency-Key header, draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atoll.core.clock import Clock

if TYPE_CHECKING:
    from atoll.storage.database import Database


class StoredReply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply as it was sent. `fingerprint` is a digest of the request it answered."""

    fingerprint: str
    status: int
    body: bytes
    content_type: str = "application/json"


class Replies:
    """The replies of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def find(self, key: str) -> StoredReply | None:
        """Return what was answered under `key`, in the unit of work in hand if there is one."""
        return await self._db.fetch_one(
            StoredReply, "SELECT fingerprint, status, body, content_type FROM atoll_replies WHERE key = $1", key
        )

    def save(self, key: str, reply: StoredReply) -> None:
        """Keep `reply` with the commit of the unit of work in hand."""
        self._db.unit_of_work().defer(
            "INSERT INTO atoll_replies (key, fingerprint, status, body, content_type, time) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            key,
            reply.fingerprint,
            reply.status,
            reply.body,
            reply.content_type,
            self._clock.now(),
        )

    async def sweep(self, before: float, *, limit: int = 1000) -> int:
        """Remove at most `limit` replies from before that time (epoch seconds); return how many."""
        async with self._db.transaction():
            return await self._db.execute(
                "DELETE FROM atoll_replies WHERE key IN "
                "(SELECT key FROM atoll_replies WHERE time < $1 ORDER BY time LIMIT $2)",
                before,
                limit,
            )
