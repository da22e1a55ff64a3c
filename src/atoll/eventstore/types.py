"""Between the events of a contract and those of the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from atoll.contracts import Event, Message
from atoll.core.context import find
from atoll.core.errors import DeclarationError
from atoll.core.ids import new_id
from atoll.eventstore.errors import UndecodableEvent, UnknownEventType, UnserializableEvent
from atoll.eventstore.events import NewEvent, RecordedEvent


def new_event(
    event: Event,
    *,
    id: str = "",  # noqa: A002 - the field's own name
    tags: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
    correlation: str = "",
    causation: str = "",
) -> NewEvent:
    """Return `event` as the store takes it, under a new id unless one is given.

    `correlation` is the id of the request in hand when it is not given. Raises UnserializableEvent.
    """
    if not correlation and (context := find()) is not None:
        correlation = context.request_id
    return NewEvent(
        type=event.event_type,
        data=_encoded(event),
        id=id or new_id(),
        tags=tuple(tags),
        metadata=metadata or {},
        correlation=correlation,
        causation=causation,
    )


def heard(message: Message) -> NewEvent:
    """Return what another service has published as the store takes it, to be kept and read again.

    Under the message's own id, so that it is kept once. `metadata` tells `source` and `time` (epoch seconds) of it.
    """
    return NewEvent(
        type=message.type,
        data=message.data,
        id=message.id,
        metadata={"source": message.source, "time": message.time},
        correlation=message.request_id,
        causation=message.causation,
    )


def _encoded(event: Event) -> bytes:
    try:
        return msgspec.json.encode(event)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise UnserializableEvent(f"an event {event.event_type} has no JSON form: {error}") from error


class EventTypes:
    """The classes a program reads its events as, by their types."""

    def __init__(self, events: Iterable[type[Event]]) -> None:
        """Raises DeclarationError when two classes have the same type."""
        self._decoders: dict[str, msgspec.json.Decoder[Event]] = {}
        for each in events:
            if each.event_type in self._decoders:
                raise DeclarationError(
                    f"two events have the type {each.event_type!r}; give one an event_type of its own"
                )
            self._decoders[each.event_type] = msgspec.json.Decoder(each)

    def decode(self, recorded: RecordedEvent) -> Event:
        """Return a stored event as its class. Raises UnknownEventType, UndecodableEvent."""
        if (decoder := self._decoders.get(recorded.type)) is None:
            raise UnknownEventType(recorded.type, _place(recorded))
        try:
            return decoder.decode(recorded.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UndecodableEvent(f"the event at {_place(recorded)} is no {recorded.type}: {error}") from error


def _place(recorded: RecordedEvent) -> str:
    return f"version {recorded.version} of {recorded.stream!r}"
