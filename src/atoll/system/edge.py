"""The gateway of a system, told of every instance that comes or goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from atoll.core import Clock
from atoll.discovery import Instance, ServiceRegistry
from atoll.gateway import Endpoints, GatewayError

RETRY_SECONDS: Final = 1.0

_logger = logging.getLogger(__name__)


class Router(Protocol):
    """What takes the endpoints: Envoy."""

    async def apply(self, endpoints: Endpoints) -> None:
        """Return when requests go to `endpoints` and nowhere else."""
        ...


class Edge:
    """Watches the instances of `services` and applies them to `router`, all changes that come together as one."""

    def __init__(self, registry: ServiceRegistry, services: Sequence[str], *, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._endpoints: dict[str, Sequence[Instance]] = {}
        self._services = tuple(services)
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def endpoints(self) -> Endpoints:
        """The instances as known now."""
        return dict(self._endpoints)

    async def watch(self) -> None:
        """Begin to watch; return when something is known of every service."""
        self._tasks += [asyncio.create_task(self._follow(each)) for each in self._services]
        while self._endpoints.keys() != set(self._services):
            self._news.clear()
            await self._news.wait()

    def feed(self, router: Router) -> None:
        """Apply what is known, and every change from now on."""
        self._tasks.append(asyncio.create_task(self._apply(router)))

    async def close(self) -> None:
        """Watch no more. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _follow(self, service: str) -> None:
        async for instances in self._registry.watch(service):
            if instances != self._endpoints.get(service):
                self._endpoints[service] = instances
                self._news.set()

    async def _apply(self, router: Router) -> None:
        while True:
            self._news.clear()
            try:
                await router.apply(self.endpoints)
            except GatewayError:
                _logger.exception("the gateway did not take the new endpoints; trying again")
                await self._clock.sleep(RETRY_SECONDS)
            else:
                await self._news.wait()
