"""Loads aggregates from their events and stores what they decide.

Source: E. Evans, "Domain-Driven Design" (repository, aggregate); M. Fowler, "Event Sourcing",
https://martinfowler.com/eaaDev/EventSourcing.html.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from atoll.aggregates.codec import EventCodec, Tags
from atoll.aggregates.errors import AggregateNotFound, HistoryTruncated
from atoll.aggregates.fingerprint import fingerprint
from atoll.aggregates.keys import SubjectKeys
from atoll.aggregates.memento import Memento, Mementos
from atoll.aggregates.recording import Aggregate, folded, take_recorded
from atoll.aggregates.snapshots import SnapshotStore
from atoll.aggregates.upcasting import Upcaster
from atoll.contracts import Event
from atoll.core.clock import Clock, SystemClock
from atoll.core.errors import DeclarationError
from atoll.core.machine import chance
from atoll.eventstore import NO_STREAM, AppendConflict, EventStore, Position
from atoll.resilience import RetryPolicy, full_jitter
from atoll.storage import StorageError

A = TypeVar("A", bound=Aggregate)

CONFLICTS: Final = RetryPolicy(attempts=20, base=0.002, cap=0.2)
"""How often a decision is made anew when somebody else was first."""

_logger = logging.getLogger(__name__)

Decide = Callable[[A], Iterable[Event] | Event | None]
"""What an aggregate decides: returns events, or lets it record them. Pure, for it may be asked again."""


@dataclass(frozen=True, slots=True)
class Loaded(Generic[A]):
    """An aggregate and its version: the number of its events."""

    aggregate: A
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Generic[A]):
    """An aggregate after what was decided: the new events, its version, and the position of the last event.

    `position` is None when nothing was decided.
    """

    aggregate: A
    version: int
    events: Sequence[Event]
    position: Position | None


class Repository(Generic[A]):
    """The aggregates of one kind, each a stream `<category>-<id>` of the event store.

    `make` returns one without events; without it the class is called. `every` so many events a snapshot is kept in
    `mementos`. Within a unit of work what is stored joins it.
    """

    def __init__(
        self,
        store: EventStore,
        category: str,
        make: Callable[[], A],
        codec: EventCodec,
        *,
        mementos: Mementos[A] | None = None,
        every: int = 100,
        conflicts: RetryPolicy = CONFLICTS,
        clock: Clock | None = None,
    ) -> None:
        if not category or "-" in category:
            raise DeclarationError(f"{category!r} cannot name a kind of aggregate; use a word without a dash")
        self._store = store
        self._category = category
        self._make = make
        self._codec = codec
        self._mementos = mementos
        self._every = every
        self._conflicts = conflicts
        self._clock = clock or SystemClock()

    @classmethod
    def of(
        cls,
        store: EventStore,
        kind: type[A],
        events: Sequence[type[Event]],
        *,
        category: str = "",
        upcasters: Iterable[Upcaster] = (),
        keys: SubjectKeys | None = None,
        tags: Tags | None = None,
        snapshots: SnapshotStore | None = None,
        every: int = 100,
        schema: str = "",
    ) -> Repository[A]:
        """Make the repository of a class that needs no arguments, from its events.

        Its streams are called after it unless `category` names them. Snapshots are for the code as it is now, or for
        the `schema` that you name and change yourself. Raises DeclarationError for what does not fit together.
        """
        codec = EventCodec(events, upcasters=upcasters, keys=keys, tags=tags)
        mementos = None
        if snapshots is not None:
            made_by = schema or fingerprint(kind, [*codec.names, *codec.upcasters.types])
            mementos = Mementos(kind, snapshots, schema=made_by, keys=keys)
        return cls(store, category or kind.__name__.lower(), kind, codec, mementos=mementos, every=every)

    def stream(self, id: str) -> str:  # noqa: A002 - the field's own name
        """Return the name of an aggregate's stream."""
        return f"{self._category}-{id}"

    async def load(self, id: str, *, at: int | None = None) -> Loaded[A]:  # noqa: A002 - the field's own name
        """Return an aggregate as it is now, or as it was after its first `at` events.

        Raises AggregateNotFound, UnreadableEvent, SnapshotCorrupt, HistoryTruncated.
        """
        found = await self._fold(id, at)
        if found.version == 0:
            raise AggregateNotFound(self._category, id)
        return Loaded(found.aggregate, found.version)

    async def find(self, id: str) -> Loaded[A] | None:  # noqa: A002 - the field's own name
        """Return an aggregate as it is now, or None when it has no events. Raises as `load` does."""
        found = await self._fold(id, None)
        return Loaded(found.aggregate, found.version) if found.version else None

    async def create(self, id: str, decide: Decide[A]) -> Changed[A]:  # noqa: A002 - the field's own name
        """Store what a new aggregate decides. Raises ConcurrencyConflict when there is one under this id."""
        return await self._store_decided(id, Memento(self._make(), NO_STREAM, frozenset()), decide, NO_STREAM)

    async def change(self, id: str, decide: Decide[A]) -> Changed[A]:  # noqa: A002 - the field's own name
        """Load an aggregate, store what it decides, and do both again when somebody else was first.

        What `decide` raises leaves nothing behind. Raises as `load` does; AppendConflict when others were first time
        and again; TransactionConflict in a unit of work that must run again as a whole.
        """
        attempt = 1
        while True:
            found = await self._fold(id, None)
            if found.version == 0:
                raise AggregateNotFound(self._category, id)
            try:
                return await self._store_decided(id, found, decide, found.version)
            except AppendConflict:
                if attempt == self._conflicts.attempts or self._store.log.joined() is not None:
                    raise
            await self._clock.sleep(full_jitter(self._conflicts, attempt, chance))
            attempt += 1

    async def forget(self, id: str) -> None:  # noqa: A002 - the field's own name
        """Remove the snapshot of an aggregate; its events stay. Idempotent."""
        if self._mementos is not None:
            await self._mementos.forget(self._store.tenant, self.stream(id))

    async def _fold(self, id: str, at: int | None) -> Memento[A]:  # noqa: A002 - the field's own name
        stream = self.stream(id)
        begun = await self._begun(stream) if at is None else None
        start = begun or Memento(self._make(), 0, frozenset())
        recorded = await self._store.read(stream, start=start.version + 1, limit=at)
        if not recorded:
            return start
        if recorded[0].version != start.version + 1:
            raise HistoryTruncated(stream, recorded[0].version)
        decoded = await self._codec.decode(recorded)
        return Memento(folded(start.aggregate, decoded.events), recorded[-1].version, start.subjects | decoded.subjects)

    async def _begun(self, stream: str) -> Memento[A] | None:
        return None if self._mementos is None else await self._mementos.find(self._store.tenant, stream)

    async def _store_decided(self, id: str, before: Memento[A], decide: Decide[A], version: int) -> Changed[A]:  # noqa: A002
        aggregate = before.aggregate
        decided = decide(aggregate)
        recorded = take_recorded(aggregate)
        returned = [] if decided is None else [decided] if isinstance(decided, Event) else list(decided)
        events = [*recorded, *returned]
        if not events:
            return Changed(aggregate=aggregate, version=version, events=(), position=None)
        aggregate = folded(aggregate, returned)  # an event that it cannot take up is not stored
        encoded = await self._codec.encode(events)
        appended = await self._store.append(self.stream(id), encoded.events, expected=version)
        after = Memento(aggregate, appended.version, before.subjects | encoded.subjects)
        await self._keep(self.stream(id), after, since=before.version)
        return Changed(aggregate=after.aggregate, version=after.version, events=events, position=appended.position)

    async def _keep(self, stream: str, after: Memento[A], *, since: int) -> None:
        """Keep a snapshot when one is due. It is a shortcut: trouble with it is told and changes nothing."""
        if self._mementos is None or after.version // self._every == since // self._every:
            return
        try:
            await self._mementos.keep(self._store.tenant, stream, after)
        except StorageError as error:
            if self._store.log.joined() is not None:
                raise
            _logger.warning("no snapshot of %s was kept: %s", stream, error)
