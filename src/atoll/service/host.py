"""Runs one service: makes what it stands on, starts it in the right order, and stops it in the reverse.

Start: database, clients, the service itself, its relay and sagas; listen, ready, register; then consumers and timers.
Stop: take no more messages, deregister, drain requests (30 s at most), sagas, relay, close.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry

from atoll.clients import Clients
from atoll.core.clock import Clock, SystemClock
from atoll.core.hooks import Hooks
from atoll.core.settings import Settings
from atoll.discovery import Instance, Resolver, ServiceRegistry
from atoll.messaging import Consumer, MessageQueue, Relay
from atoll.observability import observe
from atoll.saga import SagaEngine
from atoll.service.app import ServiceApp
from atoll.service.consumers import Timers, handlers_of
from atoll.service.ground import Ground, RealGround, Server
from atoll.service.health import Health, HealthState
from atoll.service.injection import Injector, Provider, dependencies_of
from atoll.service.patience import patiently
from atoll.service.pipeline import Pipeline
from atoll.service.router import Router
from atoll.service.routes import operations, own_routes
from atoll.service.service import Service
from atoll.storage import Database

S = TypeVar("S", bound=Service)

_logger = logging.getLogger(__name__)


class ServiceHost(Generic[S]):
    """One running service. `start` and `stop` are called once each; `service` is there after `start`."""

    service: S
    app: ServiceApp

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
        db = await patiently(
            lambda: self._ground.database(settings, name, hooks=hooks, clock=self._clock), clock=self._clock
        )
        stack.push_async_callback(db.close)
        registry = self._ground.registry(settings)
        stack.push_async_callback(registry.close)
        resolver, transport = Resolver(registry), self._ground.transport()
        stack.push_async_callback(resolver.close)
        stack.push_async_callback(transport.close)
        clients = Clients(resolver, transport, hooks=hooks, clock=self._clock)
        queue = await patiently(lambda: self._ground.queue(settings, hooks=hooks), clock=self._clock)
        stack.push_async_callback(queue.close)
        sagas = await self._make(db, clients, hooks, metrics)
        pipeline = Pipeline(db)
        routes = [*operations(self.service, pipeline), *own_routes(self.service, self.health, metrics, db, sagas)]
        self.app = ServiceApp(
            name,
            Router(routes),
            pipeline,
            authenticate=self._ground.authenticate(settings, resolver, transport, self._clock),
            sample=observing.sample,
            hooks=hooks,
            mounts=self.service.mounts,
        )
        relay = Relay(db, queue, hooks=hooks, clock=self._clock)
        relay.start()
        stack.push_async_callback(relay.stop)
        await sagas.open()
        stack.push_async_callback(sagas.close)
        await self._serve(registry)
        await self._listen(db, queue, hooks)
        _logger.info("%s %s is ready at %s", name, self._class.version, self.address)

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
        injector = Injector(known, clients.of, self._providers)
        self._stack.push_async_callback(injector.close)
        if self._class.schema:
            await db.engine.script(self._class.schema)
        self.service = await injector.make(self._class)
        owner = f"{self._settings.system}/{self._class.name}/{self._settings.instance}"
        sagas = SagaEngine(db, owner=owner, hooks=hooks, clock=self._clock)
        sagas.bind(self.service)
        await sagas.prepare()
        await self.service.on_start()
        self._stack.push_async_callback(self.service.on_stop)
        return sagas

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

    async def _listen(self, db: Database, queue: MessageQueue, hooks: Hooks) -> None:
        if handlers := handlers_of(self.service):
            consumer = Consumer(db, queue, self._class.name, handlers, hooks=hooks, clock=self._clock)
            await patiently(consumer.start, clock=self._clock)
            self._stack.push_async_callback(consumer.stop)
        timers = Timers(self.service, db, self._clock)
        timers.start()
        self._stack.push_async_callback(timers.stop)
