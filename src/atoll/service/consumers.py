"""From `@on` methods to message handlers, and from `@every` methods to timers."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from atoll.contracts import Event, Message
from atoll.core import context as contexts
from atoll.core.clock import Clock
from atoll.core.errors import DeclarationError
from atoll.messaging import UndecodableMessage
from atoll.saga import SagaEngine
from atoll.saga.declare import ENGINE, sagas_of
from atoll.service.declare import EVENTS, PERIOD
from atoll.service.service import Service
from atoll.storage import Database

_logger = logging.getLogger(__name__)

Handle = Callable[[Message], Awaitable[None]]


def consumed_events(service: type[Service]) -> tuple[type[Event], ...]:
    """Return the event types the service handles, in declared order, and then those that its sagas wait for."""
    handled = [event for _, method in _marked(service, EVENTS) for event in getattr(method, EVENTS)]
    awaited = [event for saga in sagas_of(service) for event in saga.waits_for]
    return tuple(dict.fromkeys([*handled, *awaited]))


def handlers_of(service: Service) -> dict[str, Handle]:
    """Return a handler by event type, which also tells the sagas that wait for it.

    Raises DeclarationError when two methods handle the same type.
    """
    handlers: dict[str, Handle] = {}
    for name, method in _marked(type(service), EVENTS):
        for event in getattr(method, EVENTS):
            if event.event_type in handlers:
                raise DeclarationError(f"{type(service).__name__} has two handlers for {event.__name__}; join them")
            handlers[event.event_type] = _handler(getattr(service, name), event)
    sagas: SagaEngine | None = getattr(service, ENGINE, None)
    if sagas is not None:
        for event in sagas.waits_for:
            handlers[event.event_type] = _heard_by(sagas, event, handlers.get(event.event_type))
    return handlers


class Timers:
    """Runs the `@every` methods of one service, each in a unit of work."""

    def __init__(self, service: Service, db: Database, clock: Clock) -> None:
        self._service = service
        self._db = db
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for name, method in _marked(type(self._service), PERIOD):
            loop = self._loop(getattr(self._service, name), getattr(method, PERIOD))
            self._tasks.append(asyncio.create_task(loop, name=f"timer-{name}"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _loop(self, method: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            await self._clock.sleep(seconds)
            contexts.set_current(contexts.new_context())
            try:
                await self._db.atomic(method)
            except Exception:
                _logger.exception("the timer %s failed and will run again", getattr(method, "__name__", method))


def _marked(service: type[Service], mark: str) -> Iterator[tuple[str, Any]]:
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
