"""The event log in memory, for tests: the same rules on plain lists."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from atoll.core.clock import Clock, SystemClock
from atoll.eventstore.deciding import Batch, Head, Key, Known, Missing, Row
from atoll.eventstore.errors import EventStoreError
from atoll.eventstore.events import (
    TOMBSTONE,
    Appended,
    Blocker,
    Condition,
    Position,
    Query,
    RecordedEvent,
    Selection,
    StreamInfo,
)
from atoll.eventstore.port import FeedPage, FeedSlice, Outcome, Reader, StreamSlice, Write, Writer
from atoll.eventstore.signal import Signal
from atoll.storage import UnitOfWork


class MemoryEventLog:
    """Events in a list. It belongs to no database, so it joins no unit of work."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.changed = Signal()
        self._clock = clock or SystemClock()
        self._events: list[RecordedEvent] = []
        self._streams: defaultdict[Key, list[RecordedEvent]] = defaultdict(list)
        self._notes: dict[Key, tuple[int, Mapping[str, Any]]] = {}
        self._last = 0

    @property
    def writer(self) -> Writer:
        return self

    @property
    def reader(self) -> Reader:
        return self

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        known = Known()
        while (batch := Batch(writes, known)).missing:
            self._look_up(batch.missing, known)
        after = await self.end()
        for each in batch.rows:
            self._insert(each, self._clock.now())
        if batch.rows:
            self.changed.set()
        return batch.outcomes(after)

    async def write_within(self, unit: UnitOfWork, write: Write) -> Outcome:
        return (await self.write([write]))[0]

    async def delete(self, write: Write) -> Appended:
        (outcome,) = await self.write([write])
        if isinstance(outcome, EventStoreError):
            raise outcome
        await self.annotate(write.tenant, write.parts[0].stream, metadata=None, truncated_before=outcome[0].version + 1)
        return outcome[0]

    async def annotate(
        self, tenant: str, stream: str, *, metadata: Mapping[str, Any] | None, truncated_before: int | None
    ) -> None:
        before, noted = self._notes.get((tenant, stream), (1, {}))
        self._notes[tenant, stream] = (
            before if truncated_before is None else truncated_before,
            noted if metadata is None else dict(metadata),
        )

    async def scavenge(self, before: Position) -> int:
        hidden = {
            each.position
            for key, events in self._streams.items()
            for each in events[:-1]
            if each.version < self._note(key)[0] and each.position <= before
        }
        self._events = [each for each in self._events if each.position not in hidden]
        for key, events in self._streams.items():
            self._streams[key] = [each for each in events if each.position not in hidden]
        return len(hidden)

    async def stream(self, part: StreamSlice) -> list[RecordedEvent]:
        key = (part.tenant, part.stream)
        events = [each for each in self._streams.get(key, ()) if each.version >= self._note(key)[0]]
        if part.backward:
            return [each for each in reversed(events) if each.version <= part.start][: part.limit]
        return [each for each in events if each.version >= part.start][: part.limit]

    async def info(self, tenant: str, stream: str) -> StreamInfo:
        head = self._head((tenant, stream))
        before, metadata = self._note((tenant, stream))
        return StreamInfo(version=head.version, truncated_before=before, metadata=metadata, deleted=head.deleted)

    async def feed(self, part: FeedSlice) -> FeedPage:
        matching = self._matching(part.tenant, part.query, part.after)
        events = [each for each, _ in zip(matching, range(part.limit), strict=False)]
        end = events[-1].position if len(events) == part.limit else await self.end()
        return FeedPage(position=max(part.after, end), events=events)

    async def select(self, tenant: str, query: Query) -> Selection:
        events = list(self._matching(tenant, query, Position()))
        return Selection(events, Condition(query, after=await self.end()))

    async def end(self) -> Position:
        return Position(0, self._last)

    async def blockers(self) -> list[Blocker]:
        return []

    async def listen(self) -> None:
        """Every commit is known here."""

    def joined(self) -> UnitOfWork | None:
        return None

    async def close(self) -> None:
        """There is nothing to release."""

    def _look_up(self, missing: Missing, known: Known) -> None:
        known.heads |= {key: self._head(key) for key in missing.heads}
        for key, event_id in missing.places:
            found = {each.version: each.position for each in self._streams.get(key, ()) if each.id == event_id}
            known.places[key, event_id] = found
        for tenant, condition in missing.matching:
            count = sum(1 for _ in self._matching(tenant, condition.query, condition.after))
            known.matching[tenant, condition] = count

    def _insert(self, row: Row, now: float) -> None:
        (tenant, stream), event = row.key, row.event
        self._last += 1
        recorded = RecordedEvent(
            tenant=tenant,
            stream=stream,
            version=row.version,
            position=Position(0, self._last),
            id=event.id,
            type=event.type,
            data=event.data,
            tags=event.tags,
            metadata=event.metadata,
            correlation=event.correlation,
            causation=event.causation,
            time=now,
        )
        self._events.append(recorded)
        self._streams[row.key].append(recorded)

    def _head(self, key: Key) -> Head:
        events = self._streams.get(key)
        return Head(events[-1].version, events[-1].type == TOMBSTONE) if events else Head(0)

    def _note(self, key: Key) -> tuple[int, Mapping[str, Any]]:
        return self._notes.get(key, (1, {}))

    def _matching(self, tenant: str | None, query: Query, after: Position) -> Iterable[RecordedEvent]:
        first = bisect_right(self._events, after, key=lambda each: each.position)
        return (
            each
            for each in self._events[first:]
            if (tenant is None or each.tenant == tenant) and query.matches(each.type, each.tags)
        )
