"""Two services over real HTTP, found through a real registry, with the memory broker between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from atoll.contracts import Message
from atoll.core import Settings
from atoll.discovery.agent import ConsulAgent
from atoll.messaging import open_queue
from atoll.service import HttpServer, Service, ServiceHost

Start = Callable[..., Coroutine[Any, Any, ServiceHost[Any]]]


class Platform:
    """Starts services beside each other, as a system would."""

    def __init__(self, path: Path, registry_url: str, stack: AsyncExitStack) -> None:
        self._path, self._registry_url, self._stack = path, registry_url, stack
        self.http = httpx.AsyncClient(timeout=10)

    async def start(self, service: type[Service], **changes: Any) -> ServiceHost[Any]:
        settings: dict[str, Any] = {
            "database_url": f"sqlite:///{self._path}/{{service}}.db",
            "broker_url": "memory:",
            "registry_url": self._registry_url,
            "system": self._path.name,
            "drain_seconds": 5.0,
        }
        host = ServiceHost(service, Settings(**(settings | changes)))
        await host.start()
        self._stack.push_async_callback(host.stop)
        return host

    async def publish(self, message: Message) -> None:
        """Put a message in the broker, as a service that is not ours might."""
        queue = await open_queue("memory:", namespace=self._path.name)
        await queue.publish(message)

    async def request(self, method: str, host: ServiceHost[Any], path: str, **options: Any) -> httpx.Response:
        return await self.http.request(method, f"http://{host.address}{path}", **options)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    async with AsyncExitStack() as stack:
        agent = ConsulAgent()
        await stack.enter_async_context(agent)
        server = HttpServer(agent, host="127.0.0.1", port=0, drain_seconds=1)
        await server.start()
        stack.push_async_callback(server.stop)
        stack.push_async_callback(agent.close)
        platform = Platform(tmp_path, f"consul://127.0.0.1:{server.port}", stack)
        stack.push_async_callback(platform.http.aclose)
        yield platform


async def eventually(check: Callable[[], Coroutine[Any, Any, bool]], seconds: float = 5.0) -> None:
    """Return once `check` is true; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await check():  # noqa: ASYNC110 - the change is in another service
            await asyncio.sleep(0.01)
