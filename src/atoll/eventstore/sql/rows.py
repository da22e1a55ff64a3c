"""Rows of the table of events, and the events they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from atoll.eventstore.checking import encoded
from atoll.eventstore.deciding import Row
from atoll.eventstore.events import Position, RecordedEvent

COLUMNS: Final = (
    "e.tenant, e.stream, e.version, e.id, e.type, e.data, e.tags, e.metadata, e.correlation, e.causation, e.time"
)

_tags: Final = msgspec.json.Decoder(tuple[str, ...])
_metadata: Final = msgspec.json.Decoder(dict[str, Any])


def recorded(row: Sequence[Any]) -> RecordedEvent:
    """Return the event of a row: its place in two columns, and COLUMNS."""
    transaction, number, tenant, stream, version, id_, type_, data, tags, metadata, correlation, causation, time = row
    return RecordedEvent(
        tenant=tenant,
        stream=stream,
        version=version,
        position=Position(transaction, number),
        id=id_,
        type=type_,
        data=data,
        tags=_tags.decode(tags) if tags else (),
        metadata=_metadata.decode(metadata) if metadata else {},
        correlation=correlation,
        causation=causation,
        time=time,
    )


def recorded_all(rows: Iterable[Sequence[Any]]) -> list[RecordedEvent]:
    """Return the events of rows, in their order."""
    return [recorded(each) for each in rows]


def values_of(row: Row) -> tuple[Any, ...]:
    """Return what is stored of an event in COLUMNS, but for the time."""
    event = row.event
    return (
        *row.key,
        row.version,
        event.id,
        event.type,
        event.data,
        msgspec.json.encode(event.tags).decode() if event.tags else None,
        encoded(event.metadata) if event.metadata else None,
        event.correlation,
        event.causation,
    )


def tags_of(rows: Sequence[Row], first: int) -> list[tuple[str, str, int]]:
    """Return tag, tenant and number for each tag of rows that are numbered from `first` on."""
    return [
        (tag, row.key[0], number)
        for number, row in enumerate(rows, first)
        if row.event.tags
        for tag in dict.fromkeys(row.event.tags)
    ]
