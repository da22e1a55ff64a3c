"""The errors of the event store.

EventStoreError
├── AppendConflict              somebody else was first; nothing was written: load again, decide again
│   ├── ConcurrencyConflict     the stream is not at the expected version; has `expected` and `actual`
│   │   └── PartialRepeat       some of the events are in the stream already, and others are not
│   └── ConditionFailed         events that the condition forbids were appended meanwhile
├── StreamDeleted               the stream has a tombstone: it is never written or read again
├── EventRefused                an event that cannot be stored as it is; nothing was written
│   ├── UnserializableEvent     its data or metadata have no JSON form
│   └── EventTooLarge           it has more bytes than the store takes; has `size` and `limit`
├── UnreadableEvent             a stored event that this program cannot read
│   ├── UnknownEventType        no class is registered for its type
│   └── UndecodableEvent        its data does not fit the class of its type
└── StoreMismatch               the tables were made for another order
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atoll.core.errors import AtollError

if TYPE_CHECKING:
    from atoll.eventstore.events import Expected


class EventStoreError(AtollError):
    """Base of the package."""


class AppendConflict(EventStoreError):
    """Somebody else was first, and nothing was written; what was decided must be decided again on what is there now."""

    code = "conflict"


class ConcurrencyConflict(AppendConflict):
    """The stream is not as expected. Versions count from 1; 0 is a stream without events."""

    def __init__(self, stream: str, expected: Expected, actual: int) -> None:
        self.stream = stream
        self.expected = expected
        self.actual = actual
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        return (
            f"the stream {self.stream!r} was expected {shown(self.expected)}, but is {shown(self.actual)}; "
            "read it again and decide anew"
        )


class PartialRepeat(ConcurrencyConflict):
    """An append that looks like a repetition, but is none: some of its events are in the stream and others are not."""

    def _sentence(self) -> str:
        return (
            f"some of these events are in the stream {self.stream!r} already (it is {shown(self.actual)}) and others "
            "are not; repeat exactly what was appended, or give new events ids of their own"
        )


class ConditionFailed(AppendConflict):
    """Events that match the condition's query are there which the decision did not know; `unseen` tells how many."""

    def __init__(self, unseen: int) -> None:
        self.unseen = unseen
        super().__init__(
            f"{unseen} events that this decision did not know match its condition; select again and decide anew"
        )


class StreamDeleted(EventStoreError):
    """The stream ended with a tombstone."""

    code = "not_found"

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(f"the stream {stream!r} was deleted for good; use another name")


class EventRefused(EventStoreError):
    """An event cannot be stored as it is; nothing was written."""

    code = "invalid"


class UnserializableEvent(EventRefused):
    """An event's data or metadata has no JSON form."""


class EventTooLarge(EventRefused):
    """An event has more bytes (data, metadata and tags together) than the store takes."""

    code = "too_large"

    def __init__(self, kind: str, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"an event {kind} has {size} bytes, but this store takes {limit} at most; "
            "store the large part elsewhere and its address in the event"
        )


class UnreadableEvent(EventStoreError):
    """A stored event cannot be read by this program; the store is as it was."""


class UnknownEventType(UnreadableEvent):
    """No class is registered for the type of a stored event."""

    def __init__(self, type: str, place: str) -> None:  # noqa: A002 - the field's own name
        self.type = type
        super().__init__(
            f"the event at {place} has the unknown type {type!r}; register its class, or an upcaster for it"
        )


class UndecodableEvent(UnreadableEvent):
    """The data of a stored event does not fit the class of its type."""


class StoreMismatch(EventStoreError):
    """The tables cannot be used as they are; nothing in them was changed."""


def shown(expected: Expected) -> str:
    """Return an expectation, or an actual version, in words."""
    if isinstance(expected, int):
        return f"at version {expected}" if expected else "without events"
    return expected.value
