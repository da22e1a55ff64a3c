"""What an append is refused for before anything is asked of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from atoll.eventstore.errors import EventRefused, EventTooLarge, UnserializableEvent
from atoll.eventstore.events import NewEvent, StreamAppend

LIMIT_BYTES: Final = 1_048_576
"""The most bytes of an event, unless the store is told another number."""

LONGEST_NAME: Final = 500
"""Characters of a stream, tenant, type, tag or id: what an index of PostgreSQL surely takes."""


def check_parts(parts: Sequence[StreamAppend], limit: int) -> None:
    """Raise EventRefused or one of its kinds for the first thing that cannot be stored."""
    if not parts:
        raise EventRefused("append_many was given no stream; give it one at least")
    if len(parts) > 1 and len({each.stream for each in parts}) < len(parts):
        raise EventRefused("append_many names a stream twice; put all of a stream's events into one part")
    for part in parts:
        check_name("stream", part.stream)
        if not part.events:
            raise EventRefused(f"the append to {part.stream!r} has no events; leave it out")
        for event in part.events:
            check_event(event, limit)
        if len(part.events) > 1 and len({each.id for each in part.events}) < len(part.events):
            raise EventRefused("an append has two events with one id; give each event an id of its own")


def check_event(event: NewEvent, limit: int) -> None:
    """Raise EventRefused or one of its kinds when an event cannot be stored."""
    check_name("event type", event.type)
    check_name("event id", event.id)
    if event.type[0] == "$":
        raise EventRefused(f"the event type {event.type!r} begins with $, as only the store's own do; choose another")
    if event.correlation:
        check_name("correlation", event.correlation)
    if event.causation:
        check_name("causation", event.causation)
    size = len(event.data)
    if event.metadata:
        size += len(encoded(event.metadata))
    if event.tags:
        for tag in event.tags:
            check_name("tag", tag)
            size += len(tag)
    if size > limit:
        raise EventTooLarge(event.type, size, limit)


def check_name(what: str, name: str) -> None:
    """Raise EventRefused when a name is empty, too long or not storable as text."""
    if not name or len(name) > LONGEST_NAME or "\0" in name or not (name.isascii() or _is_text(name)):
        raise EventRefused(
            f"the {what} {name[:40]!r} is not usable: it must have 1 to {LONGEST_NAME} characters of Unicode text, "
            "and no NUL"
        )


def encoded(metadata: Mapping[str, Any]) -> str:
    """Return metadata as JSON. Raises UnserializableEvent."""
    try:
        return msgspec.json.encode(metadata).decode()
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise UnserializableEvent(f"metadata without a JSON form cannot be stored: {error}") from error


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
