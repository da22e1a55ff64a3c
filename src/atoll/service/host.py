"""Runs one service: makes what it stands on, starts it in the right order, and stops it in the reverse.

Start: database, clients, the service itself, its relay and sagas; listen, ready, register; then consumers and timers.
A broker that is away is joined later.
Stop: take no more messages, deregister, drain requests (30 s at most), sagas, relay, close.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry

from atoll.clients import Clients
from atoll.core.clock import Clock, SystemClock
from atoll.core.hooks import Hooks
from atoll.core.settings import Settings
from atoll.discovery import Instance, Resolver, ServiceRegistry
from atoll.eventstore import EventStore
from atoll.messaging import BrokerUnavailable, Consumer, Relay
from atoll.messaging.late import LateQueue
from atoll.observability import observe
from atoll.projections import ProjectionEngine
from atoll.saga import SagaEngine
from atoll.service.app import ServiceApp
from atoll.service.consumers import handlers_of
from atoll.service.events import PROVIDERS
from atoll.service.expiry import ReplyExpiry
from atoll.service.ground import Ground, RealGround, Server
from atoll.service.health import Health, HealthState
from atoll.service.injection import Injector, Provider, dependencies_of
from atoll.service.joining import Joining
from atoll.service.metrics import MetricsEndpoint
from atoll.service.opening import open_together
from atoll.service.pipeline import Pipeline
from atoll.service.router import Router
from atoll.service.routes import event_routes, operations, own_routes
from atoll.service.schema import ready_schema
from atoll.service.service import Service
from atoll.service.timers import Timers
from atoll.storage import Database

S = TypeVar("S", bound=Service)

_logger = logging.getLogger(__name__)


class ServiceHost(Generic[S]):
    """One running service. `start` and `stop` are called once each; `service` is there after `start`."""

    service: S
    app: ServiceApp
    projections: ProjectionEngine | None
    store: EventStore | None

    def __init__(
        self,
        service: type[S],
        settings: Settings,
        providers: Iterable[Provider] = (),
        *,
        known: Mapping[Any, Any] | None = None,
        clock: Clock | None = None,
        ground: Ground | None = None,
    ) -> None:
        self._class = service
        self._settings = settings
        self._providers = tuple(providers)
        self._known = dict(known or {})
        self._clock = clock or SystemClock()
        self._ground = ground or RealGround()
        self._stack = AsyncExitStack()
        self.health = Health(service.name, service.version, settings.instance, dependencies_of(service))
        self.server: Server | None = None

    @property
    def address(self) -> str:
        """`host:port` once started."""
        return f"{self.server.host}:{self.server.port}" if self.server else ""

    @property
    def _slot(self) -> str:
        """What this process is among the replicas, also after a restart."""
        return f"{self._settings.system}/{self._class.name}/{self._settings.instance}"

    async def start(self) -> None:
        """Return when the service is ready and registered. What was begun is undone when it raises."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Stop in the reverse order; an error in one part does not keep the next from stopping. Idempotent."""
        self.health.state = HealthState.STOPPING
        await self._stack.aclose()
        self.health.state = HealthState.STOPPED

    async def failed(self) -> Exception:
        """Wait, once started, for what the service cannot go on with, and return it; then `stop` it.

        That is a broker which was away at the start and cannot be used as it is set up.
        """
        return await self._joining.failed()

    async def _start(self) -> None:
        settings, name, stack = self._settings, self._class.name, self._stack
        hooks, metrics = Hooks(), CollectorRegistry()
        observing = observe(
            hooks,
            service=name,
            registry=metrics,
            environ=settings.environ,
            instance=settings.instance,
            version=self._class.version,
        )
        stack.push_async_callback(observing.close)
        db, queue, registry = await self._open(hooks)
        resolver, transport = Resolver(registry), self._ground.transport()
        stack.push_async_callback(resolver.close)
        stack.push_async_callback(transport.close)
        clients = Clients(resolver, transport, hooks=hooks, clock=self._clock)
        sagas = await self._make(db, clients, hooks, metrics)
        pipeline = Pipeline(db)
        consumer = Consumer(db, queue, name, handlers_of(self.service), hooks=hooks, clock=self._clock)
        self._joining = Joining(queue, consumer, clock=self._clock)
        self.health.add("messaging", self._joining.check)
        shown = MetricsEndpoint(metrics, db, hooks=hooks, clock=self._clock)
        routes = [
            *operations(self.service, pipeline),
            *own_routes(self.service, self.health, shown, db, sagas, consumer, self.projections),
            *event_routes(self.store, self.projections),
        ]
        self.app = ServiceApp(
            name,
            Router(routes),
            authenticate=self._ground.authenticate(settings, resolver, transport, self._clock),
            sample=observing.sample,
            hooks=hooks,
            mounts=self.service.mounts,
        )
        relay = Relay(db, queue, owner=self._slot, hooks=hooks, clock=self._clock)
        relay.start()
        stack.push_async_callback(relay.stop)
        expiry = ReplyExpiry(db, seconds=settings.reply_seconds, clock=self._clock)
        expiry.start()
        stack.push_async_callback(expiry.stop)
        await sagas.open()
        stack.push_async_callback(sagas.close)
        await self._serve(registry)
        await self._listen(db)
        _logger.info("%s %s is ready at %s", name, self._class.version, self.address)

    async def _open(self, hooks: Hooks) -> tuple[Database, LateQueue, ServiceRegistry]:
        """Open the engines. All that is wrong with them is told in one error."""
        ground, settings, name, stack = self._ground, self._settings, self._class.name, self._stack

        async def database() -> Database:
            opened = await ground.database(settings, name, hooks=hooks, clock=self._clock)
            stack.push_async_callback(opened.close)
            await ready_schema(opened, self._class)
            return opened

        async def queue() -> LateQueue:
            opened = LateQueue(partial(ground.queue, settings, hooks=hooks))
            stack.push_async_callback(opened.close)
            try:
                await opened.connect()
            except BrokerUnavailable as error:
                _logger.warning("%s starts without its broker; events wait in the outbox: %s", name, error)
            return opened

        async def registry() -> ServiceRegistry:
            opened = ground.registry(settings)
            stack.push_async_callback(opened.close)
            await opened.discover(name)
            return opened

        db, messages, instances = await open_together([database, queue, registry], clock=self._clock)
        return db, messages, instances

    async def _make(self, db: Database, clients: Clients, hooks: Hooks, metrics: CollectorRegistry) -> SagaEngine:
        known = {
            Database: db,
            Clock: self._clock,
            Settings: self._settings,
            Hooks: hooks,
            CollectorRegistry: metrics,
            Clients: clients,
            **self._known,
        }
        injector = Injector(known, clients.of, (*PROVIDERS, *self._providers))
        self._stack.push_async_callback(injector.close)
        self.projections = await self._project(injector, db, hooks)
        self.service = await injector.make(self._class)
        self.store = injector.find(EventStore)
        sagas = SagaEngine(db, owner=self._slot, hooks=hooks, clock=self._clock)
        sagas.bind(self.service)
        await sagas.prepare()
        await self.service.on_start()
        self._stack.push_async_callback(self.service.on_stop)
        return sagas

    async def _project(self, injector: Injector, db: Database, hooks: Hooks) -> ProjectionEngine | None:
        """Begin to work on the projections of the service, if it has any."""
        service = self._class
        if not service.projections:
            return None
        made = [await injector.share(each) for each in service.projections]
        store = await injector.get(EventStore, service.name)
        engine = ProjectionEngine(
            db, store, made, owner=self._slot, source=service.name, hooks=hooks, clock=self._clock
        )
        self._stack.push_async_callback(engine.stop)
        await engine.start()
        return engine

    async def _serve(self, registry: ServiceRegistry) -> None:
        settings = self._settings
        self.server = server = self._ground.server(self.app, settings)
        self._stack.push_async_callback(server.stop)
        await server.start()
        self.health.state = HealthState.HEALTHY
        instance = Instance(
            id=f"{self._class.name}-{settings.instance}",
            service=self._class.name,
            host=server.host,
            port=server.port,
            version=self._class.version,
        )
        await registry.register(instance)
        self._stack.push_async_callback(registry.deregister, instance.id)

    async def _listen(self, db: Database) -> None:
        self._stack.push_async_callback(self._joining.stop)
        await self._joining.start()
        timers = Timers(self.service, db, self._clock)
        timers.start()
        self._stack.push_async_callback(timers.stop)
