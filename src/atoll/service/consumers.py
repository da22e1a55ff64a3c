"""From `@on` methods to message handlers."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from atoll.contracts import Event, Message
from atoll.core.errors import DeclarationError
from atoll.messaging import UndecodableMessage
from atoll.saga import SagaEngine
from atoll.saga.declare import ENGINE, sagas_of
from atoll.service.declare import EVENTS
from atoll.service.service import Service

Handle = Callable[[Message], Awaitable[None]]


def consumed_events(service: type[Service]) -> tuple[type[Event], ...]:
    """Return the event types the service handles, in declared order, and then those that its sagas wait for."""
    handled = [event for _, method in marked(service, EVENTS) for event in getattr(method, EVENTS)]
    awaited = [event for saga in sagas_of(service) for event in saga.waits_for]
    return tuple(dict.fromkeys([*handled, *awaited]))


def handlers_of(service: Service) -> dict[str, Handle]:
    """Return a handler by event type, which also tells the sagas that wait for it.

    Raises DeclarationError when two methods handle the same type.
    """
    handlers: dict[str, Handle] = {}
    for name, method in marked(type(service), EVENTS):
        for event in getattr(method, EVENTS):
            if event.event_type in handlers:
                raise DeclarationError(f"{type(service).__name__} has two handlers for {event.__name__}; join them")
            handlers[event.event_type] = _handler(getattr(service, name), event)
    sagas: SagaEngine | None = getattr(service, ENGINE, None)
    if sagas is not None:
        for event in sagas.waits_for:
            handlers[event.event_type] = _heard_by(sagas, event, handlers.get(event.event_type))
    return handlers


def marked(service: type[Service], mark: str) -> Iterator[tuple[str, Any]]:
    """Return the methods of a service that carry `mark`, with their names, in declared order."""
    names = dict.fromkeys(name for base in reversed(service.__mro__) for name in vars(base))
    for name in names:
        method = getattr(service, name, None)
        if callable(method) and hasattr(method, mark):
            yield name, method


def _handler(method: Callable[..., Awaitable[None]], event: type[Event]) -> Handle:
    takes_message = len(inspect.signature(method).parameters) > 1

    async def handle(message: Message) -> None:
        decoded = _decoded(message, event)
        await (method(decoded, message) if takes_message else method(decoded))

    return handle


def _heard_by(sagas: SagaEngine, event: type[Event], handle: Handle | None) -> Handle:
    async def hear(message: Message) -> None:
        _decoded(message, event)
        if handle is not None:
            await handle(message)
        await sagas.hear(message)

    return hear


def _decoded(message: Message, event: type[Event]) -> Event:
    try:
        return message.decode(event)
    except msgspec.DecodeError as error:
        raise UndecodableMessage(f"it is no {event.__name__}: {error}", message) from error
