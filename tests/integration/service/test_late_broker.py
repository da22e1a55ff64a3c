"""A service starts, and answers, although its broker comes later; it ends when that turns out to be unusable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest

from atoll.messaging import BrokerUnusable
from atoll.messaging.nats.server import NatsServer
from atoll.service import ServiceHost
from tests.integration.service.conftest import Platform, eventually
from tests.integration.service.library import LibraryService, MembersService

LOAN = {"book": "Emma", "member": "ada"}


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A broker that has a port of its own and is not there yet. The system `lossy` has a stream that loses messages."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="lossy", subjects=["lossy.>"], retention="workqueue")
    await client.close()
    await server.stop()
    yield server
    await server.stop()


async def health(platform: Platform, host: ServiceHost[Any]) -> tuple[int, str, str]:
    reply = await platform.request("GET", host, "/health")
    return reply.status_code, reply.json()["status"], reply.json()["checks"]["messaging"]


async def joined(platform: Platform, host: ServiceHost[Any]) -> None:
    async def ok() -> bool:
        return (await health(platform, host))[2] == "ok"

    await eventually(ok, seconds=10.0)


async def test_a_service_whose_broker_is_away_is_ready_and_tells_that_it_is(
    platform: Platform, away: NatsServer
) -> None:
    library = await platform.start(LibraryService, broker_url=away.url)
    assert (await platform.request("GET", library, "/readyz")).status_code == 200
    status, state, messaging = await health(platform, library)
    assert (status, state) == (503, "degraded")
    assert messaging.startswith(f"down: cannot connect to NATS at {away.url}")


async def test_what_it_commits_meanwhile_is_published_and_heard_when_the_broker_comes(
    platform: Platform, away: NatsServer
) -> None:
    library = await platform.start(LibraryService, broker_url=away.url)
    members = await platform.start(MembersService, broker_url=away.url)
    assert (await platform.request("POST", library, "/loans", json=LOAN)).status_code == 200
    assert "\natoll_outbox_lag_messages 1.0\n" in (await platform.request("GET", library, "/metrics")).text
    await away.start()
    async with asyncio.timeout(20.0):
        await members.service.heard.wait()
    await joined(platform, library)
    await joined(platform, members)


async def test_a_broker_that_is_lost_later_is_told_too(platform: Platform, away: NatsServer) -> None:
    await away.start()
    library = await platform.start(LibraryService, broker_url=away.url)
    assert await health(platform, library) == (200, "healthy", "ok")
    await away.stop()

    async def down() -> bool:
        return (await health(platform, library))[2].startswith("down: ")

    await eventually(down)
    assert (await platform.request("GET", library, "/readyz")).status_code == 200


async def test_a_broker_that_turns_out_to_be_unusable_is_why_the_service_is_to_end(
    platform: Platform, away: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    library = await platform.start(LibraryService, broker_url=away.url, system="lossy")
    await away.start()
    async with asyncio.timeout(20.0):
        error = await library.failed()
    assert isinstance(error, BrokerUnusable)
    why = "drops messages by its 'workqueue' retention"
    assert [each.levelname for each in caplog.records if why in each.message] == ["ERROR"]
    assert why in (await health(platform, library))[2]


async def test_a_broker_that_is_unusable_at_once_stops_the_start(platform: Platform, away: NatsServer) -> None:
    await away.start()
    with pytest.raises(BrokerUnusable, match="drops messages"):
        await platform.start(LibraryService, broker_url=away.url, system="lossy")


async def test_a_url_that_is_none_stops_the_start(platform: Platform) -> None:
    with pytest.raises(BrokerUnusable, match="is not usable; write nats://host:port"):
        await platform.start(LibraryService, broker_url="nats://here:port")
