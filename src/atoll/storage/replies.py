"""Stored replies: what a command answered under an idempotency key, for when it is asked again.

Source: the Idempotency-Key header, draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atoll.core.clock import Clock
from atoll.storage.errors import KeyTaken
from atoll.storage.port import Statement

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

    def claim(self, key: str, fingerprint: str) -> None:
        """Take `key` for the unit of work in hand as soon as it opens its transaction, before its first statement.

        While another one holds the key, in this process or another, that statement waits. It raises KeyTaken when
        a reply is stored under the key by then. The unit of work is to `save` its reply.
        """
        # Not a look for the key first: only a row that is there makes another replica wait, and looking at a
        # place in an index makes others that write there conflict.
        claim = Statement(
            "INSERT INTO atoll_replies (key, fingerprint, status, body, content_type, time) "
            "VALUES ($1, $2, 0, $3, '', $4) ON CONFLICT (key) DO NOTHING",
            (key, fingerprint, b"", self._clock.now()),
        )
        self._db.unit_of_work().expect(claim, KeyTaken("a reply is stored under this idempotency key"))

    async def find(self, key: str) -> StoredReply | None:
        """Return what was answered under `key`, in the unit of work in hand if there is one."""
        return await self._db.fetch_one(
            StoredReply, "SELECT fingerprint, status, body, content_type FROM atoll_replies WHERE key = $1", key
        )

    def save(self, key: str, reply: StoredReply) -> None:
        """Keep `reply` with the commit of the unit of work in hand."""
        self._db.unit_of_work().defer(
            "INSERT INTO atoll_replies (key, fingerprint, status, body, content_type, time) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, "
            "status = excluded.status, body = excluded.body, content_type = excluded.content_type",
            key,
            reply.fingerprint,
            reply.status,
            reply.body,
            reply.content_type,
            self._clock.now(),
        )

    async def sweep(self, before: float, *, limit: int = 1000) -> int:
        """Remove at most `limit` replies from before that time (epoch seconds); return how many."""
        async with self._db.transaction("read committed"):
            return await self._db.execute(
                "DELETE FROM atoll_replies WHERE key IN "
                "(SELECT key FROM atoll_replies WHERE time < $1 ORDER BY time LIMIT $2)",
                before,
                limit,
            )
