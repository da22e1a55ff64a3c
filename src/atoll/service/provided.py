"""What a service is given over its own database: made when its constructor asks for it."""

from __future__ import annotations

from typing import Final

from atoll.aggregates import DatabaseSnapshots, DatabaseSubjectKeys, SnapshotStore, SubjectKeys
from atoll.service.events import event_store
from atoll.service.injection import Provider
from atoll.storage import Database


async def subject_keys(db: Database) -> SubjectKeys:
    """The keys that personal data are sealed with."""
    return await DatabaseSubjectKeys.over(db)


async def snapshots(db: Database) -> SnapshotStore:
    """The snapshots of aggregates."""
    return await DatabaseSnapshots.over(db)


PROVIDERS: Final[tuple[Provider, ...]] = (event_store, subject_keys, snapshots)
"""For every service; a system's provider of the same type takes the place of one of these."""
