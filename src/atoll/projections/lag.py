"""How far views are behind the newest event that is committed, whether the feed shows it yet or not."""

from __future__ import annotations

from typing import Final, NamedTuple

from atoll.core.hooks import Hooks
from atoll.eventstore import EventStore, Position, Query
from atoll.eventstore.port import FeedSlice
from atoll.projections.books import Books
from atoll.projections.declare import Projection
from atoll.projections.records import ProjectionLag
from atoll.projections.rows import Part, lowest, partition_of

COUNTED: Final = 1000
"""Events are counted up to so many."""


class Lag(NamedTuple):
    """Events that wait, up to COUNTED, and seconds since the oldest of them was appended."""

    events: int
    seconds: float


class Lags:
    """Measures, and tells observers.

    An event that is committed and still held back by another transaction counts as one, for as long as it was seen.
    """

    def __init__(self, books: Books, store: EventStore, hooks: Hooks) -> None:
        self._books = books
        self._store = store
        self._hooks = hooks
        self._level: dict[str, tuple[Position, float]] = {}

    async def tell(self, name: str, query: Query, projection: Projection) -> None:
        """Measure the lag of the live view, and emit it."""
        parts = await self._books.live_parts(name)
        lag = await self.of(projection, query, parts)
        parked = await self._books.count_parked(name)
        stopped = any(each.failed_id for each in parts)
        self._hooks.emit(
            ProjectionLag(projection=name, events=lag.events, seconds=lag.seconds, parked=parked, stopped=stopped)
        )

    async def of(self, projection: Projection, query: Query, parts: list[Part]) -> Lag:
        """Return the lag of a generation."""
        if not parts:
            return Lag(0, 0.0)
        now, head, after = self._books.clock.now(), await self._store.end(), lowest(parts)
        tenant = None if projection.every_tenant else self._store.tenant
        page = await self._store.log.reader.feed(FeedSlice(tenant=tenant, limit=COUNTED, query=query, after=after))
        places = [(each, parts[partition_of(projection.key(each), len(parts))]) for each in page.events]
        waiting = [event for event, part in places if event.position > part.position]
        if waiting:
            return Lag(len(waiting), max(0.0, now - waiting[0].time))
        if not page.held:
            self._level[projection.name] = head, now
            return Lag(0, 0.0)
        _, since = self._level.setdefault(projection.name, (head, now))
        return Lag(1, now - since)
