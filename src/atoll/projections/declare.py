"""How a projection is written: a class with handlers of events and the tables they keep."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeVar

from atoll.contracts import Event
from atoll.core.errors import DeclarationError
from atoll.eventstore import EVERYTHING, EventTypes, Position, Query, RecordedEvent
from atoll.projections.errors import ProjectionError

if TYPE_CHECKING:
    from atoll.projections.engine import ProjectionEngine
    from atoll.projections.view import View

F = TypeVar("F", bound=Callable[..., Any])

MARK: Final = "__atoll_projects__"
ALL: Final = ""
"""The type under which a handler of every event stands."""

WAIT_SECONDS: Final = 5.0

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TABLE: Final = re.compile(r"CREATE\s+TABLE\s+\{(\w+)\}", re.IGNORECASE)

Handle = Callable[[Any, "View"], Awaitable[None]]


class Decoded(Protocol):
    """Events as classes; those that nobody wants any more are left out."""

    @property
    def events(self) -> Sequence[Event]: ...


class Old(Protocol):
    """Names of event types that are written no more."""

    @property
    def types(self) -> Collection[str]: ...


class Codec(Protocol):
    """What reads stored events: an `atoll.aggregates.EventCodec`, with its upcasters and keys."""

    @property
    def upcasters(self) -> Old: ...

    async def decode(self, recorded: Sequence[RecordedEvent]) -> Decoded: ...


def projects(*events: type[Event] | str) -> Callable[[F], F]:
    """Mark `async def name(self, event, view)` as the handler of events of these types.

    For a class the event is an instance of it; for a type's name, and without any (that is every event), it is the
    RecordedEvent as it is stored. `view.recorded` is that in any case.
    """

    def mark(function: F) -> F:
        setattr(function, MARK, events)
        return function

    return mark


class Projection:
    """A view made of events: `tables` of its own in the service's database, written by handlers alone.

    A table is named in braces, `CREATE TABLE {orders} (…)`: each build of the view has its own, and `orders` (without
    braces) is what anybody reads, the live one. A change of handlers or tables needs the next `version`, which makes
    the service build the view anew beside the old one and switch.

    Events of one key come in order; `partitions` are handled side by side, and a new number counts from the next
    rebuild on. A row that several keys write must be changed by one statement (`SET n = n + 1`). When a handler raises,
    `on_failure` "stop" keeps the event and all behind it until it works (tried again with backoff); "park" puts it and
    those behind it of its key aside, and goes on with the others. `codec` reads older events and personal fields.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    partitions: ClassVar[int] = 1
    tables: ClassVar[str] = ""
    on_failure: ClassVar[Literal["stop", "park"]] = "stop"
    every_tenant: ClassVar[bool] = False
    batch: ClassVar[int] = 500
    codec: Codec | None = None

    engine: ProjectionEngine | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" not in vars(cls):
            cls.name = _snake(cls.__name__)
        if not _NAME.fullmatch(cls.name):
            raise DeclarationError(
                f"{cls.__name__}: {cls.name!r} cannot name a projection; use a-z, 0-9 and _, up to 40"
            )
        if cls.version < 1 or not 1 <= cls.partitions <= 256 or cls.batch < 1:
            raise DeclarationError(f"{cls.__name__}: version and batch begin at 1, and partitions are from 1 to 256")
        if not (kinds := [_type_of(kind) for kind, _ in _handlers(cls)]):
            raise DeclarationError(f"{cls.__name__} handles no event; mark its methods with @projects(SomeEvent)")
        if twice := [each for each in kinds if kinds.count(each) > 1]:
            raise DeclarationError(f"{cls.__name__} has two handlers for {twice[0]!r}; join them")

    def key(self, event: RecordedEvent) -> str:
        """Return what an event is kept in order with: its stream, unless this is overridden."""
        return event.stream

    async def wait_for(self, position: Position, timeout: float = WAIT_SECONDS) -> None:
        """Return when the live view includes everything up to `position` (`Appended.position`): read your own writes.

        What is parked counts as included. Raises ProjectionBehind after `timeout` seconds; ProjectionError within a
        unit of work, which would hold up what it waits for.
        """
        if self.engine is None:
            raise ProjectionError(f"{self.name} does not run; list it in the `projections` of its service")
        await self.engine.wait_for(self.name, position, timeout)


class Reading:
    """The handlers of a projection by type, and how events are read for them."""

    def __init__(self, projection: Projection) -> None:
        self._codec = projection.codec
        handlers = _handlers(type(projection))
        self._handlers: dict[str, Handle] = {_type_of(kind): getattr(projection, name) for kind, name in handlers}
        self._classes = {kind.event_type: kind for kind, _ in handlers if not isinstance(kind, str)}
        self._types = EventTypes(self._classes.values())

    @property
    def query(self) -> Query:
        """What of the feed is read."""
        if ALL in self._handlers:
            return EVERYTHING
        old = () if self._codec is None else self._codec.upcasters.types
        return Query.of(types=[*self._handlers, *old])

    async def apply(self, recorded: RecordedEvent, view: View) -> None:
        """Run the handler of an event, if it has one; raise what it raises. Raises UnreadableEvent."""
        if self._codec is None:
            event = self._types.decode(recorded) if recorded.type in self._classes else None
        else:
            decoded = await self._codec.decode([recorded]) if self._wants(recorded.type) else None
            event = decoded.events[0] if decoded is not None and decoded.events else None
        if event is not None and event.event_type in self._handlers:
            await self._handlers[event.event_type](event, view)
        elif raw := self._handlers.get(recorded.type) if recorded.type not in self._classes else None:
            await raw(recorded, view)
        if every := self._handlers.get(ALL):
            await every(recorded, view)

    def _wants(self, kind: str) -> bool:
        return kind in self._classes or (self._codec is not None and kind in self._codec.upcasters.types)


def views_of(tables: str) -> list[str]:
    """Return the names of the tables that are declared."""
    return _TABLE.findall(tables)


def _handlers(projection: type[Projection]) -> list[tuple[str | type[Event], str]]:
    """Return what is handled, and by which methods."""
    names = dict.fromkeys(name for base in reversed(projection.__mro__) for name in vars(base))
    return [
        (kind, name)
        for name in names
        if callable(method := getattr(projection, name)) and hasattr(method, MARK)
        for kind in (getattr(method, MARK) or (ALL,))
    ]


def _type_of(kind: str | type[Event]) -> str:
    return kind if isinstance(kind, str) else kind.event_type


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
