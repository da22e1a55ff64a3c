"""A service starts although its broker comes a little later."""

from __future__ import annotations

import asyncio
from pathlib import Path

from atoll.messaging.nats.server import NatsServer
from tests.integration.service.conftest import Platform
from tests.integration.service.library import LibraryService


async def test_a_service_that_starts_before_its_broker_waits_for_it(platform: Platform, tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    await server.start()
    await server.stop()
    starting = asyncio.create_task(platform.start(LibraryService, broker_url=server.url))
    try:
        await asyncio.wait((starting,), timeout=0.3)
        assert not starting.done()
        await server.start()
        assert (await platform.request("GET", await starting, "/readyz")).status_code == 200
    finally:
        await server.stop()
