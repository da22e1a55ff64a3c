"""What goes into the store and what comes out of it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from atoll.contracts import Event
from atoll.core.ids import new_id

TOMBSTONE: Final = "$deleted"
"""The type of the last event of a deleted stream."""


class Presence(enum.Enum):
    """What may be expected of a stream besides an exact version."""

    ANY = "in any state"
    STREAM_EXISTS = "to exist"


ANY: Final = Presence.ANY
"""Append whatever the stream holds."""

STREAM_EXISTS: Final = Presence.STREAM_EXISTS
"""Append only to a stream that has events."""

NO_STREAM: Final = 0
"""Append only to a stream without events: version 0."""

Expected = int | Presence
"""The version a stream must be at (the number of events it ever had), or what else must be true of it."""


class Position(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A place in the order of all events of a store: compare positions, keep them, and make no more of the numbers.

    `str()` and `parse` turn one into text and back; in JSON it is a list of two numbers.
    """

    transaction: int = 0
    number: int = 0

    def __str__(self) -> str:
        return f"{self.transaction}.{self.number}" if self.transaction else str(self.number)

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what `str()` wrote. Raises ValueError."""
        first, point, second = text.partition(".")
        return cls(int(first), int(second)) if point else cls(0, int(first))


START: Final = Position()
"""Before the first event."""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event to be appended. `new_event` makes one of a contract's event.

    `id` is unique: appending the same ids again changes nothing (see `EventStore.append`). `data` is opaque to the
    store, JSON by convention. `tags` are what queries find it by besides its type, such as `course:c1`; `metadata`
    is a JSON object. `correlation` names the whole undertaking it belongs to, `causation` the message or command it
    came from.
    """

    type: str
    data: bytes = b"{}"
    id: str = msgspec.field(default_factory=new_id)
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}
    correlation: str = ""
    causation: str = ""


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event in the store: what was appended, where it stands, and when it was written (epoch seconds).

    `version` is its place in its stream, from 1 without gaps; `position` its place among all events.
    """

    stream: str
    version: int
    position: Position
    id: str
    type: str
    data: bytes
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}
    correlation: str = ""
    causation: str = ""
    time: float = 0.0
    tenant: str = ""


class Appended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stream after an append: its version and the position of the last event of the append.

    `repeated` tells that the events had been appended before and nothing was written now. Hand `position` to whoever
    must see the events: `Projection.wait_for(position)`.
    """

    stream: str
    version: int
    position: Position
    repeated: bool = False


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a stream: the number of events it ever had, and its metadata.

    Events with a version below `truncated_before` are hidden from those who read the stream.
    """

    version: int
    truncated_before: int = 1
    metadata: Mapping[str, Any] = {}
    deleted: bool = False


class StreamAppend(msgspec.Struct, frozen=True, gc=False):
    """One stream's part of `EventStore.append_many`."""

    stream: str
    events: tuple[NewEvent, ...]
    expected: Expected = ANY


class Criterion(msgspec.Struct, frozen=True):
    """Matches an event of any of the `types` that has all of the `tags`; without types, of whatever type."""

    types: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    def matches(self, type: str, tags: Iterable[str]) -> bool:  # noqa: A002 - the field's own name
        return (not self.types or type in self.types) and self.tags.issubset(tags)


class Query(msgspec.Struct, frozen=True):
    """Matches an event that any of its criteria matches; without criteria, every event.

    `Query.of(types=[…], tags=[…]) | Query.of(…)`. Source: https://dcb.events/specification/#query
    """

    criteria: tuple[Criterion, ...] = ()

    @classmethod
    def of(cls, *, types: Iterable[str | type[Event]] = (), tags: Iterable[str] = ()) -> Query:
        """Match events of any of `types` (names, or event classes) that have all of `tags`."""
        names = frozenset(each if isinstance(each, str) else each.event_type for each in types)
        criterion = Criterion(names, frozenset(tags))
        return cls((criterion,) if criterion.types or criterion.tags else ())

    def __or__(self, other: Query) -> Query:
        return Query(self.criteria + other.criteria) if self.criteria and other.criteria else EVERYTHING

    def matches(self, type: str, tags: Iterable[str]) -> bool:  # noqa: A002 - the field's own name
        return not self.criteria or any(each.matches(type, tags) for each in self.criteria)


EVERYTHING: Final = Query()


class Condition(msgspec.Struct, frozen=True):
    """Lets an append fail when more than `seen` events after `after` match `query`: a dynamic consistency boundary.

    `Selection.unchanged` is the condition that nothing was added to what a decision was made on. One made by hand may
    take `after` from the feed (`read_all`, `subscribe`), not from an `Appended`: below a position of the feed nothing
    is added any more. Source: https://dcb.events/specification/#append-condition
    """

    query: Query
    after: Position = START
    seen: int = 0


class Selection(msgspec.Struct, frozen=True):
    """All the events that matched a query at one moment, in order, and the condition that these are still all."""

    events: list[RecordedEvent]
    unchanged: Condition


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """A database transaction that holds the feed back: later events are committed, but its own may yet come before.

    `pid` is the server's process (0 for a prepared transaction), `seconds` how long the transaction is open, `query`
    what it runs or ran last.
    """

    transaction: int
    pid: int
    seconds: float
    state: str
    query: str
    database: str
    application: str
