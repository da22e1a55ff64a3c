"""NATS loses its store, all of it or a part, at work or between two starts; the outbox fills it again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.core import Hooks, SystemClock
from atoll.messaging import Consumer, Relay
from atoll.messaging.nats import NatsServer
from atoll.messaging.records import BrokerForgot, MessagePublished
from atoll.messaging.relay import relay as relaying
from atoll.storage import Database
from atoll.testing.queue_suite import Connect
from tests.integration.messaging.test_effectively_once import KEYS, commit, consumer, in_order, relay, settled
from tests.integration.messaging.test_nats_queue import raw
from tests.unit.messaging.fakes import Witness

COUNT = 80
__all__ = ["consumer", "looks_often", "relay"]  # fixtures


def expected(count: int) -> dict[str, list[int]]:
    return {f"order {first}": list(range(first, count, KEYS)) for first in range(KEYS)}


@pytest.fixture
def published(hooks: Hooks) -> Witness:
    return Witness(hooks, MessagePublished)


@pytest.fixture
def forgot(hooks: Hooks) -> Witness:
    return Witness(hooks, BrokerForgot)


async def noted(db: Database) -> None:
    async with asyncio.timeout(20):
        while await db.outbox.count():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # the relay notes what was confirmed, and tells nobody


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that has nothing to publish looks at the broker's store by itself, and here without making us wait."""
    monkeypatch.setattr(relaying, "POLL_SECONDS", 0.2)


async def stop(server: NatsServer) -> None:
    server.kill()
    await server.wait()


def streams(server: NatsServer) -> Path:
    return server.directory / "jetstream"


async def stored(server: NatsServer) -> int:
    async with raw(server) as client:
        return (await client.jetstream().stream_info("shop")).state.messages


@pytest.mark.usefixtures("relay", "consumer")
async def test_a_store_that_is_wiped_while_the_server_is_down_loses_nothing_that_nobody_had_handled(
    db: Database, server: NatsServer, consumer: Consumer, forgot: Witness
) -> None:
    await consumer.stop()
    await commit(db, range(COUNT // 2))
    await noted(db)
    await stop(server)
    shutil.rmtree(streams(server))
    await commit(db, range(COUNT // 2, COUNT))
    await server.start()
    await forgot.wait_for(1)
    await noted(db)
    await consumer.start()
    assert in_order(await settled(db, COUNT)) == expected(COUNT)


@pytest.mark.usefixtures("relay", "consumer")
async def test_effects_happen_once_although_everything_is_published_again(
    db: Database, server: NatsServer, forgot: Witness
) -> None:
    await commit(db, range(COUNT))
    await settled(db, COUNT)
    await noted(db)
    await stop(server)
    shutil.rmtree(streams(server))
    await server.start()
    await forgot.wait_for(1)
    await commit(db, range(COUNT, 2 * COUNT))
    assert in_order(await settled(db, 2 * COUNT)) == expected(2 * COUNT)


@pytest.mark.usefixtures("relay")
async def test_an_older_copy_of_the_store_gets_what_it_lacks(
    db: Database, server: NatsServer, forgot: Witness, tmp_path: Path
) -> None:
    await commit(db, range(COUNT // 2))
    await noted(db)
    await stop(server)
    shutil.copytree(streams(server), tmp_path / "copy")
    await server.start()
    await commit(db, range(COUNT // 2, COUNT))
    await noted(db)
    await stop(server)
    shutil.rmtree(streams(server))
    shutil.copytree(tmp_path / "copy", streams(server))
    await server.start()
    await forgot.wait_for(1)
    await noted(db)
    assert await stored(server) == COUNT


@pytest.mark.usefixtures("looks_often", "relay")
async def test_a_stream_that_is_deleted_while_nothing_is_published_is_filled_again(
    db: Database, server: NatsServer, forgot: Witness
) -> None:
    await commit(db, range(COUNT))
    await noted(db)
    async with raw(server) as client:
        await client.jetstream().delete_stream("shop")
    await forgot.wait_for(1)
    await noted(db)
    assert await stored(server) == COUNT


@pytest.mark.usefixtures("relay")
async def test_a_stream_that_is_deleted_between_two_publications_is_filled_again(
    db: Database, server: NatsServer, forgot: Witness
) -> None:
    await commit(db, range(COUNT // 2))
    await noted(db)
    async with raw(server) as client:
        await client.jetstream().delete_stream("shop")
    await commit(db, range(COUNT // 2, COUNT))
    await forgot.wait_for(1)
    await noted(db)
    assert await stored(server) == COUNT


@pytest.mark.usefixtures("relay")
async def test_a_stream_that_somebody_else_made_again_is_noticed_by_the_next_confirmation(
    db: Database, server: NatsServer, forgot: Witness, published: Witness
) -> None:
    await commit(db, range(COUNT // 2))
    await noted(db)
    async with raw(server) as client:
        config = (await client.jetstream().stream_info("shop")).config
        await client.jetstream().delete_stream("shop")
        await client.jetstream().add_stream(config)
    await commit(db, range(COUNT // 2, COUNT))
    await forgot.wait_for(1)
    await noted(db)
    assert await stored(server) >= COUNT


@pytest.fixture
async def old_relay(db: Database, connect: Connect) -> AsyncIterator[Relay]:
    relay = Relay(db, await connect(), owner="slot", hooks=Hooks(), clock=SystemClock())
    relay.start()
    yield relay
    await relay.stop()


async def test_a_loss_while_the_service_is_down_is_noticed_at_its_start(
    db: Database, server: NatsServer, connect: Connect, old_relay: Relay, hooks: Hooks, forgot: Witness
) -> None:
    await commit(db, range(COUNT))
    await noted(db)
    await old_relay.stop()
    await stop(server)
    shutil.rmtree(streams(server))
    await server.start()
    relay = Relay(db, await connect(), owner="slot", hooks=hooks, clock=SystemClock())
    relay.start()
    await forgot.wait_for(1)
    await noted(db)
    await relay.stop()
    assert await stored(server) == COUNT


async def test_a_server_that_restarts_with_its_store_is_not_filled_again(
    db: Database, server: NatsServer, relay: Relay, forgot: Witness, published: Witness
) -> None:
    await commit(db, range(COUNT))
    await noted(db)
    await stop(server)
    await server.start()
    await commit(db, range(COUNT, COUNT + 1))
    await published.wait_for(COUNT + 1)
    await relay.stop()
    assert (forgot.records, await stored(server)) == ([], COUNT + 1)
