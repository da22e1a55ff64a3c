"""The chain. Rows are only ever added."""

from __future__ import annotations

import msgspec

from atoll.storage import Database
from shop.contracts.audit import AuditEntry
from shop.services.audit.domain import Head, Record


class AuditStore:
    """The chain in the service's database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def head(self) -> Head:
        sql = "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1"
        return await self.db.fetch_one(Head, sql) or Head()

    async def add(self, record: Record) -> None:
        """Append an entry; an event that stands in the chain already changes nothing."""
        await self.db.execute(
            "INSERT INTO entries (seq, event_id, event_type, source, key, time, data, hash) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (event_id) DO NOTHING",
            *msgspec.structs.astuple(record),
        )

    async def records(self, after: int, limit: int) -> list[Record]:
        return await self.db.fetch_all(
            Record,
            "SELECT seq, event_id, event_type, source, key, time, data, hash FROM entries "
            "WHERE seq > $1 ORDER BY seq LIMIT $2",
            after,
            limit,
        )

    async def page(self, after: int, limit: int) -> list[AuditEntry]:
        return await self.db.fetch_all(
            AuditEntry,
            "SELECT seq, event_id, event_type, source, key, time, data, hash FROM entries "
            "WHERE seq > $1 ORDER BY seq LIMIT $2",
            after,
            limit,
        )
