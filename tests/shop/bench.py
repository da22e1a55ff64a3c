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
from atoll.eventstore import EventStore
from atoll.projections import ProjectionEngine
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

Views = tuple[EventStore, ProjectionEngine] | None

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

    def __init__(self, service: S, db: Database, clock: ManualClock, hooks: Hooks, views: Views) -> None:
        self.service = service
        self._views = views
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
        """Tell the service of an event, and wait until its views show it."""
        context = contexts.new_context()
        message = message_of(event, source="test", context=context, time=self.clock.now())
        async with self.db.transaction():
            await handlers_of(self.service)[event.event_type](message)
        if self._views is not None:
            store, engine = self._views
            for each in engine.projections.values():
                await each.wait_for(await store.end())

    async def rebuild(self, name: str) -> None:
        """Have a view built anew, and wait until it has taken the place of the old one."""
        engine = self._engine()
        generation = await engine.rebuild(name)
        async with asyncio.timeout(20):
            while [each.generation for each in await engine.overview() if each.name == name] != [generation]:
                await engine.next_look()

    async def pause(self, name: str) -> None:
        """Let a view stand still until `resume`."""
        await self._engine().pause(name)

    async def resume(self, name: str) -> None:
        await self._engine().resume(name)

    def _engine(self) -> ProjectionEngine:
        if self._views is None:
            raise LookupError(f"{self.service.name} has no projections")
        return self._views[1]

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
    """A service with its tables, its sagas and its projections, on a database below `path`.

    It is made by `make`; or, of a class, as a host does it, from what is `known` by type.
    """
    clock, hooks = ManualClock(), Hooks()
    db = await Database.open(f"sqlite:///{path}/service.db", clock=clock)
    injector = Injector({Database: db, Clock: clock, **(known or {})}, _unknown, PROVIDERS)
    try:
        if isinstance(make, type):
            await _migrate(make, path)
        async with _projected(make, injector, db) as views:
            if isinstance(make, type):
                service: S = await injector.make(make)
            else:
                service = make(db, clock)
                await _migrate(type(service), path)
            sagas = SagaEngine(db, owner="test", clock=clock, hooks=hooks)
            sagas.bind(service)
            await sagas.prepare()
            await service.on_start()
            yield Bench(service, db, clock, hooks, views)
            await service.on_stop()
            await sagas.close()
    finally:
        await injector.close()
        await db.close()


async def _migrate(service: type[Service], path: Path) -> None:
    """Make the tables; before anything works on them, because SQLite's migration waits for nobody in this process."""
    await target_of(service, Settings(database_url=f"sqlite:///{path}/service.db")).migrate()


@asynccontextmanager
async def _projected(make: Any, injector: Injector, db: Database) -> AsyncGenerator[Views]:
    """The projections of a class at work, and where they are."""
    if not (classes := getattr(make, "projections", ())):
        yield None
        return
    views = [await injector.share(each) for each in classes]
    store: EventStore = await injector.get(EventStore, "the bench")
    engine = ProjectionEngine(db, store, views, owner="test")
    await engine.start()
    try:
        yield store, engine
    finally:
        await engine.stop()
