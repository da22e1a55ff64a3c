"""The event store as its users see it: append, read, follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Final

from atoll.core.clock import Clock
from atoll.eventstore.checking import LIMIT_BYTES, check_name, check_parts, encoded
from atoll.eventstore.errors import EventStoreError, StreamDeleted
from atoll.eventstore.events import (
    ANY,
    EVERYTHING,
    START,
    TOMBSTONE,
    Appended,
    Blocker,
    Condition,
    Expected,
    NewEvent,
    Position,
    Query,
    RecordedEvent,
    Selection,
    StreamAppend,
    StreamInfo,
)
from atoll.eventstore.grouping import Grouping
from atoll.eventstore.port import EventLog, FeedSlice, StreamSlice, Write
from atoll.eventstore.subscription import Subscription

if TYPE_CHECKING:
    from atoll.storage import Database

PAGE: Final = 1000
"""Events that are read from the database at a time."""

LAST: Final = 2**62


class EventStore:
    """Streams of events, and the order of all of them.

    Within a unit of work of its database (`EventStore.over(db)`) an append joins it: rows, outbox and events commit
    together. Outside of one, concurrent appends share a commit, each with an outcome of its own, and return when they
    are durable.
    """

    def __init__(self, log: EventLog, *, tenant: str = "", limit_bytes: int = LIMIT_BYTES) -> None:
        self.tenant = tenant
        self.log = log
        self._limit = limit_bytes
        self._grouping = Grouping(log)
        self._owned: Database | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        gapless: bool = False,
        limit_bytes: int = LIMIT_BYTES,
        clock: Clock | None = None,
        unsafe: Set[str] = frozenset(),
    ) -> EventStore:
        """Open a store of its own at `url`: `sqlite:///path`, `postgresql://…` or `memory:`.

        `gapless` numbers the events of a PostgreSQL store one by one, for which all appends take turns; it is chosen
        when the store is made. `limit_bytes` is the most an event may have. Raises SettingsError for a URL of no known
        form, DatabaseUnusable, UnknownSchema for tables of another version, StoreMismatch for those of another order.
        """
        from atoll.eventstore.logs import open_log

        log, database = await open_log(url, gapless=gapless, clock=clock, unsafe=unsafe)
        store = cls(log, limit_bytes=limit_bytes)
        store._owned = database
        return store

    @classmethod
    async def over(
        cls, db: Database, *, gapless: bool = False, limit_bytes: int = LIMIT_BYTES, clock: Clock | None = None
    ) -> EventStore:
        """Stand on a service's database, and make the tables. Close the store before the database.

        Raises UnknownSchema and StoreMismatch as `open` does.
        """
        from atoll.eventstore.logs import log_over

        return cls(await log_over(db, gapless=gapless, clock=clock), limit_bytes=limit_bytes)

    @classmethod
    def memory(cls, *, clock: Clock | None = None, limit_bytes: int = LIMIT_BYTES) -> EventStore:
        """Keep everything in this object: for tests."""
        from atoll.eventstore.memory import MemoryEventLog

        return cls(MemoryEventLog(clock), limit_bytes=limit_bytes)

    def of(self, tenant: str) -> EventStore:
        """Return this store as `tenant` sees it: its streams and its feed, apart from those of all others."""
        check_name("tenant", tenant)
        view = EventStore(self.log, tenant=tenant, limit_bytes=self._limit)
        view._grouping = self._grouping
        return view

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY, condition: Condition | None = None
    ) -> Appended:
        """Append to a stream that is as `expected`; see `append_many` for all that holds.

        Appending the same events (by id) again changes nothing. With the versions of a stream counted from 1, the
        stream holding events a, b, c at 1, 2, 3:

        | again        | expected         | then                                                            |
        | ---          | ---              | ---                                                             |
        | a, b, c      | 0, as at first   | succeeds, nothing is written                                    |
        | a            | 0, as at first   | succeeds, nothing is written (each part of a batch does)        |
        | b, c         | 1                | succeeds, nothing is written                                    |
        | any of them  | ANY              | succeeds, nothing is written                                    |
        | any of them  | STREAM_EXISTS    | succeeds, nothing is written                                    |
        | a            | 3, the version   | a is appended as new: whoever names the version means it        |
        | a            | 4, beyond it     | ConcurrencyConflict                                             |
        | a            | 2, not its place | ConcurrencyConflict                                             |
        | a, x         | 0, or 2          | PartialRepeat if what is there begins with a, else a conflict   |
        | a, x or x, a | ANY              | PartialRepeat                                                   |

        Source: the tests of KurrentDB (appending_to_implicitly_created_stream.cs), whose versions count from 0.
        """
        appended = await self.append_many((StreamAppend(stream, tuple(events), expected),), condition=condition)
        return appended[0]

    async def append_many(self, parts: Sequence[StreamAppend], *, condition: Condition | None = None) -> list[Appended]:
        """Append to several streams, all or nothing, in the order given; durable on return, or with the unit of work.

        Raises ConcurrencyConflict (PartialRepeat) or ConditionFailed with nothing written, StreamDeleted, EventRefused
        for an event that cannot be stored. In a unit of work nothing was written when it raises one of these, so it
        may be caught there. Raises TransactionConflict in a unit of work that must run again (`Database.atomic`), and
        a StorageError such as CommitUnknown: then append the same events again, which does nothing twice.
        """
        check_parts(parts, self._limit)
        write = Write(self.tenant, tuple(parts), condition)
        unit = self.log.joined()
        outcome = await (self._grouping.write(write) if unit is None else self.log.writer.write_within(unit, write))
        if isinstance(outcome, EventStoreError):
            raise outcome
        return outcome

    async def read(
        self, stream: str, *, start: int | None = None, limit: int | None = None, backward: bool = False
    ) -> list[RecordedEvent]:
        """Return the events of a stream from version `start` on, in order, or backward from it; all, or up to `limit`.

        An empty list for a stream without events. Raises StreamDeleted.
        """
        found: list[RecordedEvent] = []
        version = (LAST if backward else 1) if start is None else start
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = await self.log.reader.stream(
                StreamSlice(tenant=self.tenant, stream=stream, start=version, limit=size, backward=backward)
            )
            found += page
            if len(page) < size:
                break
            version = page[-1].version + (-1 if backward else 1)
        if not found and (await self.info(stream)).deleted:
            raise StreamDeleted(stream)
        return found

    async def info(self, stream: str) -> StreamInfo:
        """Return a stream's version (0 when it has no events), truncation and metadata, and whether it was deleted."""
        return await self.log.reader.info(self.tenant, stream)

    async def read_all(
        self,
        *,
        query: Query = EVERYTHING,
        after: Position = START,
        limit: int = PAGE,
        every_tenant: bool = False,
    ) -> list[RecordedEvent]:
        """Return the next events after a position that match, at most `limit`, in the order of the whole store.

        No event is ever skipped: one that is committed but could still be preceded by another is shown when that is
        settled (see `blockers`).
        """
        return (await self.log.reader.feed(self._slice(query, after, limit, every_tenant))).events

    def subscribe(
        self, *, query: Query = EVERYTHING, after: Position = START, every_tenant: bool = False, page: int = 500
    ) -> Subscription:
        """Return the events that match after a position, and then those to come as they are committed, each once."""
        return Subscription(self.log, self._slice(query, after, page, every_tenant))

    async def select(self, query: Query) -> Selection:
        """Return every event that matches now, and the condition under which that is still all: for a decision.

        `await store.append(stream, decided, condition=selection.unchanged)`.
        """
        return await self.log.reader.select(self.tenant, query)

    async def end(self) -> Position:
        """Return the position of the newest committed event: what a reader of the feed lags behind."""
        return await self.log.reader.end()

    async def blockers(self) -> list[Blocker]:
        """Return the transactions that hold the feed back now, the oldest first; none on SQLite and in memory."""
        return await self.log.reader.blockers()

    async def annotate(self, stream: str, metadata: Mapping[str, Any]) -> None:
        """Set the metadata of a stream, a JSON object, in place of what it was. Raises EventRefused."""
        check_name("stream", stream)
        encoded(metadata)
        await self.log.writer.annotate(self.tenant, stream, metadata=metadata, truncated_before=None)

    async def truncate(self, stream: str, *, before: int) -> None:
        """Hide the events of a stream with a version below `before`; its version stays. `scavenge` removes them."""
        await self.log.writer.annotate(self.tenant, stream, metadata=None, truncated_before=before)

    async def delete(self, stream: str, *, expected: Expected = ANY) -> Appended:
        """End a stream for good, with a tombstone as its last event: it can be neither read nor written any more.

        The feed still shows its events until `scavenge`, and then the tombstone, of the type `$deleted`. Raises
        ConcurrencyConflict, and StreamDeleted when that was done before.
        """
        parts = (StreamAppend(stream, (NewEvent(type=TOMBSTONE),), expected),)
        check_name("stream", stream)
        return await self.log.writer.delete(Write(self.tenant, parts))

    async def scavenge(self, *, before: Position) -> int:
        """Remove what truncation and deletion have hidden up to a position; return how many events.

        Choose a position that all who follow the feed have passed. The last event of a stream always stays.
        """
        return await self.log.writer.scavenge(before)

    async def close(self) -> None:
        """Finish the appends in hand and release what the store holds; a database that it opened too. Idempotent."""
        await self._grouping.close()
        await self.log.close()
        if self._owned is not None:
            await self._owned.close()

    def _slice(self, query: Query, after: Position, limit: int, every_tenant: bool) -> FeedSlice:
        return FeedSlice(tenant=None if every_tenant else self.tenant, limit=limit, query=query, after=after)
