"""A service starts while RabbitMQ is away, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from atoll.core import new_id
from atoll.service import ServiceHost
from tests.integration.messaging.rabbitmq.broker import Proxy, note_group, wipe
from tests.integration.service.conftest import Platform, eventually
from tests.integration.service.library import LibraryService, MembersService


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[Proxy]:
    """A broker that takes no connection until `join`."""
    proxy = Proxy()
    await proxy.start()
    proxy.part()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def system() -> AsyncIterator[str]:
    """A name that is nobody else's, whose queues are removed at the end."""
    name = f"test-{new_id()}"
    note_group(name, MembersService.name)
    yield name
    await wipe(name)


async def messaging(platform: Platform, host: ServiceHost[Any]) -> str:
    checks: dict[str, str] = (await platform.request("GET", host, "/health")).json()["checks"]
    return checks["messaging"]


async def test_what_is_committed_meanwhile_is_published_and_heard_when_rabbitmq_comes(
    away: Proxy, system: str, platform: Platform
) -> None:
    library = await platform.start(LibraryService, broker_url=away.url, system=system)
    members = await platform.start(MembersService, broker_url=away.url, system=system)
    assert (await messaging(platform, library)).startswith("down: cannot connect to RabbitMQ")
    loan = await platform.request("POST", library, "/loans", json={"book": "Emma", "member": "ada"})
    assert loan.status_code == 200
    away.join()
    async with asyncio.timeout(20.0):
        await members.service.heard.wait()


async def test_a_rabbitmq_that_is_lost_later_is_told_until_it_is_back(
    away: Proxy, system: str, platform: Platform
) -> None:
    away.join()
    members = await platform.start(MembersService, broker_url=away.url, system=system)

    async def well() -> bool:
        return await messaging(platform, members) == "ok"

    async def down() -> bool:
        return (await messaging(platform, members)).startswith("down: ")

    assert await well()
    away.part()
    await eventually(down)
    away.join()
    await eventually(well, seconds=20.0)
