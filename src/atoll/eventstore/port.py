"""The event log port: what an adapter must offer so that `EventStore` stands on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from atoll.eventstore.errors import EventStoreError
from atoll.eventstore.events import (
    EVERYTHING,
    START,
    Appended,
    Blocker,
    Condition,
    Position,
    Query,
    RecordedEvent,
    Selection,
    StreamAppend,
    StreamInfo,
)
from atoll.eventstore.signal import Signal
from atoll.storage import UnitOfWork


class Write(msgspec.Struct, frozen=True, gc=False):
    """One append of one tenant: to one or more streams, all or nothing."""

    tenant: str
    parts: tuple[StreamAppend, ...]
    condition: Condition | None = None


Outcome = list[Appended] | EventStoreError
"""What became of a write: the streams it wrote to, in order, or why nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSlice:
    """Which events of a stream: from version `start` on, or backward from it."""

    tenant: str
    stream: str
    start: int
    limit: int
    backward: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSlice:
    """Which events of a tenant's feed, or with `tenant` None of every tenant's, in the order of positions."""

    tenant: str | None
    limit: int
    query: Query = EVERYTHING
    after: Position = START


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """A part of the feed. Everything up to `position` has been seen with it, and nothing will be added below.

    `held` tells that later events are committed which cannot be shown yet (see `Blocker`).
    """

    position: Position
    events: list[RecordedEvent] = field(default_factory=list[RecordedEvent])
    held: bool = False


class Writer(Protocol):
    """Appends."""

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Run several writes in one transaction, one after the other, each with an outcome of its own.

        Returns when they are durable. Raises a StorageError when none of them was made.
        """
        ...

    async def write_within(self, unit: UnitOfWork, write: Write) -> Outcome:
        """Run a write in a unit of work, which decides. Raises TransactionConflict when it must run again."""
        ...

    async def delete(self, write: Write) -> Appended:
        """Run a write that ends a stream with a tombstone, and hide the stream; in the unit of work in hand, if any."""
        ...

    async def annotate(
        self, tenant: str, stream: str, *, metadata: Mapping[str, Any] | None, truncated_before: int | None
    ) -> None:
        """Set what is not None of a stream's metadata and truncation; in the unit of work in hand, if any."""
        ...

    async def scavenge(self, before: Position) -> int:
        """Remove hidden events up to a position, but none that is the last of its stream; return how many."""
        ...


class Reader(Protocol):
    """Reads: within a unit of work also what that has written itself, but for the feed."""

    async def stream(self, part: StreamSlice) -> list[RecordedEvent]:
        """Return events of a stream that are not hidden, in order."""
        ...

    async def info(self, tenant: str, stream: str) -> StreamInfo:
        """Return what is known of a stream; version 0 of one that has no events."""
        ...

    async def feed(self, part: FeedSlice) -> FeedPage:
        """Return the next part of the feed, of committed events that nothing can come before any more."""
        ...

    async def select(self, tenant: str, query: Query) -> Selection:
        """Return every event of a tenant that matches, as of now: also those that the feed does not show yet."""
        ...

    async def end(self) -> Position:
        """Return the position of the newest event that is committed, whether the feed shows it yet or not."""
        ...

    async def blockers(self) -> list[Blocker]:
        """Return what holds the feed back, the oldest first."""
        ...


class EventLog(Protocol):
    """An adapter."""

    @property
    def writer(self) -> Writer: ...

    @property
    def reader(self) -> Reader: ...

    @property
    def changed(self) -> Signal:
        """Set after each commit that this process knows of."""
        ...

    async def listen(self) -> None:
        """Begin to set `changed` for commits of other processes too, if the log can hear of them. Idempotent."""
        ...

    def joined(self) -> UnitOfWork | None:
        """Return the unit of work in hand, if it is one of this log's database."""
        ...

    async def close(self) -> None:
        """Release what the log holds. Idempotent."""
        ...
