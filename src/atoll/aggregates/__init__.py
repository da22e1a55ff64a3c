"""Aggregates: plain classes that fold events, loaded from their streams and stored by what they decide."""

from atoll.aggregates.codec import EventCodec
from atoll.aggregates.errors import (
    AggregateError,
    AggregateNotFound,
    HistoryTruncated,
    SnapshotCorrupt,
    SubjectErased,
)
from atoll.aggregates.keys import DatabaseSubjectKeys, MemorySubjectKeys, SubjectKeys
from atoll.aggregates.memento import Mementos
from atoll.aggregates.recording import Aggregate, Recording
from atoll.aggregates.repository import Changed, Loaded, Repository
from atoll.aggregates.snapshots import DatabaseSnapshots, MemorySnapshots, SnapshotStore
from atoll.aggregates.upcasting import Upcaster

__all__ = [
    "Aggregate",
    "AggregateError",
    "AggregateNotFound",
    "Changed",
    "DatabaseSnapshots",
    "DatabaseSubjectKeys",
    "EventCodec",
    "HistoryTruncated",
    "Loaded",
    "Mementos",
    "MemorySnapshots",
    "MemorySubjectKeys",
    "Recording",
    "Repository",
    "SnapshotCorrupt",
    "SnapshotStore",
    "SubjectErased",
    "SubjectKeys",
    "Upcaster",
]
