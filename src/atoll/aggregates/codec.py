"""Between the events of an aggregate and those of the store: sealed on the way in, opened and upcast on the way out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from atoll.aggregates.errors import SubjectErased
from atoll.aggregates.keys import SubjectKeys
from atoll.aggregates.sealing import SEALED, is_sealed, opened_value, sealed_value
from atoll.aggregates.upcasting import Data, Upcaster, Upcasters
from atoll.contracts import Event, Personal, personal_fields
from atoll.core.errors import DeclarationError
from atoll.eventstore import EventTypes, NewEvent, RecordedEvent, UndecodableEvent, new_event

Tags = Callable[[Any], Iterable[str]]
Keys = Mapping[str, bytes]

_MARK: Final = f'"{SEALED}"'.encode()


class Encoded(NamedTuple):
    """Events as the store takes them, and those whose sealed data are in them."""

    events: list[NewEvent]
    subjects: frozenset[str] = frozenset()


class Decoded(NamedTuple):
    """Events as classes, in order, and those whose sealed data are in them."""

    events: list[Event]
    subjects: frozenset[str]


def _no_tags(_: Event) -> Iterable[str]:
    return ()


class EventCodec:
    """The event classes of an aggregate, with what reads older ones.

    `keys` are needed when an event has fields marked `Personal`. Raises DeclarationError for events that do not fit
    together.
    """

    def __init__(
        self,
        events: Sequence[type[Event]],
        *,
        upcasters: Iterable[Upcaster] = (),
        keys: SubjectKeys | None = None,
        tags: Tags | None = None,
    ) -> None:
        self._types = EventTypes(events)
        self.names = frozenset(each.event_type for each in events)
        self.upcasters = Upcasters(upcasters, self.names)
        self.keys = keys
        self._tags = tags or _no_tags
        self._personal = {each.event_type: fields for each in events if (fields := personal_fields(each))}
        if self._personal and keys is None:
            raise DeclarationError(
                f"{min(self._personal)} has personal fields, but there are no keys to seal them with; "
                "give the repository `keys=`"
            )

    async def encode(self, events: Sequence[Event]) -> Encoded:
        """Return the events as the store takes them. Raises UnserializableEvent, SubjectErased."""
        new = [new_event(each, tags=self._tags(each)) for each in events]
        subjects = frozenset(
            str(getattr(event, mark.subject)) for event in events for mark in self._marks(event).values()
        )
        if self.keys is None or not subjects:
            return Encoded(new)
        keys = await self.keys.ensure(subjects)
        if erased := subjects - keys.keys():
            raise SubjectErased(min(erased))
        sealed = [_sealed(each, event, self._marks(event), keys) for each, event in zip(new, events, strict=True)]
        return Encoded(sealed, subjects)

    async def decode(self, recorded: Sequence[RecordedEvent]) -> Decoded:
        """Return stored events as they are declared now. Raises UnknownEventType, UndecodableEvent."""
        subjects = frozenset(_subjects(recorded))
        keys: Keys = await self.keys.find(subjects) if self.keys is not None and subjects else {}
        decoded = [self._one(each, keys) for each in recorded]
        return Decoded([each for each in decoded if each is not None], subjects)

    def _marks(self, event: Event) -> Mapping[str, Personal]:
        return self._personal.get(event.event_type, {})

    def _one(self, recorded: RecordedEvent, keys: Keys) -> Event | None:
        if recorded.type not in self.upcasters and _MARK not in recorded.data:
            return self._types.decode(recorded)
        raised = self.upcasters.raised(recorded.type, _opened(recorded, keys))
        if raised is None:
            return None
        name, data = raised
        return self._types.decode(msgspec.structs.replace(recorded, type=name, data=msgspec.json.encode(data)))


def _sealed(new: NewEvent, event: Event, marks: Mapping[str, Personal], keys: Keys) -> NewEvent:
    if not marks:
        return new
    data: Data = msgspec.json.decode(new.data)
    encoded = {field.name: field.encode_name for field in msgspec.structs.fields(event)}
    for name, mark in marks.items():
        subject, place = str(getattr(event, mark.subject)), encoded[name]
        if place in data:  # a field left out for being its default tells nothing
            data[place] = sealed_value(
                keys[subject], data[place], subject=subject, erased=mark.erased, about=f"{new.id} {place}"
            )
    return msgspec.structs.replace(new, data=msgspec.json.encode(data))


def _subjects(recorded: Iterable[RecordedEvent]) -> Collection[str]:
    return {
        value["subject"]
        for each in recorded
        if _MARK in each.data
        for value in _data(each).values()
        if is_sealed(value)
    }


def _opened(recorded: RecordedEvent, keys: Keys) -> Data:
    data = _data(recorded)
    try:
        return {
            name: opened_value(keys, value, f"{recorded.id} {name}") if is_sealed(value) else value
            for name, value in data.items()
        }
    except ValueError as error:
        raise UndecodableEvent(
            f"a personal field at version {recorded.version} of {recorded.stream!r} cannot be opened: {error}"
        ) from error


def _data(recorded: RecordedEvent) -> Data:
    try:
        return msgspec.json.decode(recorded.data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise UndecodableEvent(
            f"the event at version {recorded.version} of {recorded.stream!r} is no JSON object: {error}"
        ) from error
