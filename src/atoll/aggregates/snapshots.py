"""Snapshots: where folding may begin, instead of at the first event."""

from __future__ import annotations

from typing import Protocol

import msgspec

from atoll.aggregates.tables import AGGREGATES
from atoll.storage import Database
from atoll.storage.versions import ready_tables


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An aggregate after `version` events, as code of the fingerprint `schema` keeps it.

    `subjects` are those whose personal data are in it; then `data` is sealed with the keys of all of them.
    """

    tenant: str
    stream: str
    schema: str
    version: int
    subjects: tuple[str, ...] = ()
    data: bytes


class SnapshotStore(Protocol):
    """Where snapshots are kept: the newest of each stream."""

    async def find(self, tenant: str, stream: str) -> Snapshot | None:
        """Return the snapshot of a stream, of whatever schema."""
        ...

    async def keep(self, snapshot: Snapshot) -> None:
        """Keep it in place of the one before, unless that is newer and of the same schema."""
        ...

    async def remove(self, tenant: str, stream: str) -> None:
        """Remove the snapshot of a stream. Idempotent."""
        ...


class MemorySnapshots:
    """Snapshots in this object, for tests."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Snapshot] = {}

    async def find(self, tenant: str, stream: str) -> Snapshot | None:
        return self._kept.get((tenant, stream))

    async def keep(self, snapshot: Snapshot) -> None:
        place = (snapshot.tenant, snapshot.stream)
        before = self._kept.get(place)
        if before is None or before.schema != snapshot.schema or before.version < snapshot.version:
            self._kept[place] = snapshot

    async def remove(self, tenant: str, stream: str) -> None:
        self._kept.pop((tenant, stream), None)


class DatabaseSnapshots:
    """Snapshots in a service's database. Made by `DatabaseSnapshots.over`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @classmethod
    async def over(cls, db: Database) -> DatabaseSnapshots:
        """Stand on a database, and make the table."""
        await ready_tables(db.engine, AGGREGATES)
        return cls(db)

    async def find(self, tenant: str, stream: str) -> Snapshot | None:
        return await self._db.fetch_one(
            Snapshot,
            "SELECT tenant, stream, schema, version, subjects, data FROM atoll_snapshots "
            "WHERE tenant = $1 AND stream = $2",
            tenant,
            stream,
        )

    async def keep(self, snapshot: Snapshot) -> None:
        async def work() -> None:
            await self._db.execute(
                "INSERT INTO atoll_snapshots (tenant, stream, schema, version, subjects, data) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, stream) DO UPDATE SET "
                "schema = excluded.schema, version = excluded.version, subjects = excluded.subjects, "
                "data = excluded.data "
                "WHERE atoll_snapshots.version < excluded.version OR atoll_snapshots.schema <> excluded.schema",
                *(snapshot.tenant, snapshot.stream, snapshot.schema, snapshot.version),
                *(list(snapshot.subjects), snapshot.data),
            )

        await self._db.atomic(work)

    async def remove(self, tenant: str, stream: str) -> None:
        async def work() -> None:
            await self._db.execute("DELETE FROM atoll_snapshots WHERE tenant = $1 AND stream = $2", tenant, stream)

        await self._db.atomic(work)
