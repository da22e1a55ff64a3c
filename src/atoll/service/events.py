"""What a service that keeps events is given over its own database: made when its constructor asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from atoll.aggregates import DatabaseSnapshots, DatabaseSubjectKeys, SnapshotStore, SubjectKeys
from atoll.core.clock import Clock
from atoll.eventstore import EventStore
from atoll.storage import Database


async def event_store(db: Database, clock: Clock) -> AsyncIterator[EventStore]:
    """The service's event store. Appends in an operation commit with it."""
    store = await EventStore.over(db, clock=clock)
    try:
        yield store
    finally:
        await store.close()


async def subject_keys(db: Database) -> SubjectKeys:
    """The keys that personal data are sealed with."""
    return await DatabaseSubjectKeys.over(db)


async def snapshots(db: Database) -> SnapshotStore:
    """The snapshots of aggregates."""
    return await DatabaseSnapshots.over(db)


PROVIDERS: Final[tuple[Callable[..., Any], ...]] = (event_store, subject_keys, snapshots)
