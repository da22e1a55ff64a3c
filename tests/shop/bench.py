"""A service at work on a real database, without sockets: called, told of events, and its own events read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from atoll.contracts import Event, message_of
from atoll.core import Clock, Hooks, Settings
from atoll.core import context as contexts
from atoll.core.context import Principal
from atoll.saga import SagaEngine, is_saga
from atoll.saga.records import SagaFinished
from atoll.service import Service
from atoll.service.consumers import handlers_of
from atoll.service.events import PROVIDERS
from atoll.service.injection import Injector
from atoll.service.schema import target_of
from atoll.storage import Database
from shop.contracts import ALL_EVENTS

S = TypeVar("S", bound=Service)
T = TypeVar("T")

EVENTS = {event.event_type: event for event in ALL_EVENTS}


class ManualClock:
    """Time that stands still until a test moves it; waiting costs none."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Bench(Generic[S]):
    """One service and what surrounds it."""

    def __init__(self, service: S, db: Database, clock: ManualClock, hooks: Hooks) -> None:
        self.service = service
        self.db = db
        self.clock = clock
        self._ended = asyncio.Event()
        hooks.on(SagaFinished, lambda _: self._ended.set())

    async def call(self, method: Callable[..., Awaitable[T]], *args: Any, user: str = "", key: str | None = None) -> T:
        """Call an operation as the pipeline does, for `user` if one is named."""
        principal = Principal(subject=user) if user else None
        context = msgspec.structs.replace(contexts.new_context(), principal=principal, idempotency_key=key)
        with contexts.use(context):
            if is_saga(method):
                return await method(*args)
            async with self.db.transaction():
                return await method(*args)

    async def hear(self, event: Event) -> None:
        """Tell the service of an event."""
        context = contexts.new_context()
        message = message_of(event, source="test", context=context, time=self.clock.now())
        async with self.db.transaction():
            await handlers_of(self.service)[event.event_type](message)

    async def settle(self) -> None:
        """Wait until no saga is under way."""
        async with asyncio.timeout(20):
            while await self.db.fetch_value("SELECT count(*) FROM atoll_sagas WHERE ended_at IS NULL"):
                await self._ended.wait()
                self._ended.clear()

    async def told(self) -> list[Event]:
        """Return the events the service has published, in order."""
        rows = await self.db.outbox.pending()
        return [row.message.decode(EVENTS[row.message.type]) for row in rows]


def _unknown(contract: object) -> object:
    raise LookupError(f"the test gives no {contract}")


@asynccontextmanager
async def at_work(
    path: Path, make: Callable[[Database, ManualClock], S] | type[S], known: Mapping[Any, Any] | None = None
) -> AsyncGenerator[Bench[S]]:
    """A service with its tables and its sagas, on a database below `path`.

    It is made by `make`; or, of a class, as a host does it, from what is `known` by type.
    """
    clock, hooks = ManualClock(), Hooks()
    db = await Database.open(f"sqlite:///{path}/service.db", clock=clock)
    try:
        injector = Injector({Database: db, Clock: clock, **(known or {})}, _unknown, PROVIDERS)
        service: S = await injector.make(make) if isinstance(make, type) else make(db, clock)
        await target_of(type(service), Settings(database_url=f"sqlite:///{path}/service.db")).migrate()
        sagas = SagaEngine(db, owner="test", clock=clock, hooks=hooks)
        sagas.bind(service)
        await sagas.prepare()
        await service.on_start()
        yield Bench(service, db, clock, hooks)
        await service.on_stop()
        await sagas.close()
        await injector.close()
    finally:
        await db.close()
