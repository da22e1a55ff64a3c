"""The class every service derives from: what its code may call, and what it may override."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from atoll.contracts import Event, is_contract, message_of, missing_operations, spec_of, wrong_operations
from atoll.core import context as contexts
from atoll.core.clock import Clock, SystemClock
from atoll.core.context import Principal
from atoll.core.errors import DeclarationError
from atoll.messaging import causation
from atoll.projections import Projection
from atoll.saga import SagaEngine, definition_of
from atoll.saga.declare import ENGINE
from atoll.service.errors import Unauthenticated
from atoll.storage import current_unit

A = TypeVar("A")

ASGIApp = Callable[..., Any]


class Service:
    """A service: `class InventoryService(Service, Inventory)`.

    Its constructor's parameters are injected by type: Database, Clock, Settings, Hooks, CollectorRegistry, any
    contract (a client of that service), EventStore, SubjectKeys and SnapshotStore over its database, and whatever the
    system's providers return. Its tables come from `schema`, SQL that is run at each start and must be safe to repeat,
    or else from `migrations`, a folder of revisions beside its module, which `atoll migrate` applies. `mounts` are ASGI
    applications by path prefix. `projections` are the views that it keeps of the events in its store; its constructor
    may ask for each of these classes, too.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "0.0.0"
    schema: ClassVar[str] = ""
    migrations: ClassVar[str] = ""
    mounts: Mapping[str, ASGIApp] = {}
    projections: Sequence[type[Projection]] = ()
    event_clock: Clock = SystemClock()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        contracts = [base for base in cls.__mro__ if is_contract(base)]
        if len(contracts) > 1:
            names = " and ".join(each.__name__ for each in contracts)
            raise DeclarationError(f"{cls.__name__} implements {names}; a service has one contract")
        if contracts and (missing := missing_operations(cls)):
            raise DeclarationError(f"{cls.__name__} does not implement {', '.join(missing)} of its contract")
        if contracts and (wrong := wrong_operations(cls)):
            raise DeclarationError("; ".join(wrong))
        if contracts and not vars(cls).get("name"):
            cls.name = spec_of(contracts[0]).name
        if not cls.name:
            raise DeclarationError(f"{cls.__name__} needs a contract, or a name: `name = 'mailer'`")
        if cls.schema and cls.migrations:
            raise DeclarationError(f"{cls.__name__} has a schema and migrations; move the schema to its first revision")

    async def on_start(self) -> None:
        """Called once before the service is ready, outside of any unit of work. Seed here."""

    async def on_stop(self) -> None:
        """Called once after the last request, before connections close."""

    @property
    def principal(self) -> Principal:
        """The end user this work is done for. Raises Unauthenticated when there is none."""
        principal = contexts.current().principal
        if principal is None:
            raise Unauthenticated("this needs a signed-in user")
        return principal

    def emit(self, *events: Event, at: float | None = None, after: float | None = None) -> None:
        """Publish events, in order, with the commit of the unit of work in hand; never without it, never before.

        `self.emit(*changed.events)` publishes what an aggregate has decided. Scheduled `at` a time (epoch seconds) or
        `after` so many seconds, an event is published when that time has come, be the service restarted meanwhile or
        not; it then keeps no order with what its key published before it was due. Raises NoUnitOfWork outside of a unit
        of work, DeclarationError for an event the contract does not list.
        """
        for event in events:
            self._emit(event, self._due_at(at, after))

    def _emit(self, event: Event, due_at: float | None) -> None:
        if not _publishes(type(self), type(event)):
            raise DeclarationError(
                f"{type(event).__name__} is not an event of {self.name}; "
                f"list it: @contract({self.name!r}, events=[{type(event).__name__}])"
            )
        message = message_of(
            event, source=self.name, context=contexts.current(), time=self.event_clock.now(), causation=causation()
        )
        current_unit().database.outbox.add(message, due_at=due_at)

    def _due_at(self, at: float | None, after: float | None) -> float | None:
        if at is not None and after is not None:
            raise DeclarationError("an event is scheduled either at a time or after some seconds; leave one out")
        return at if after is None else self.event_clock.now() + after

    async def start(
        self,
        saga: Callable[[A], Coroutine[Any, Any, Any]],
        request: A,
        *,
        id: str,  # noqa: A002 - the saga's own word
    ) -> None:
        """Start `saga` under `id` with the commit of the unit of work in hand, and do not wait for it.

        Starting the same id again does nothing.
        """
        engine: SagaEngine = getattr(self, ENGINE)
        await engine.start(definition_of(saga), request, id=id)


def _publishes(service: type[Service], event: type[Event]) -> bool:
    contract = next((base for base in service.__mro__ if is_contract(base)), None)
    return contract is not None and event in spec_of(contract).events
