"""From one service's commit to another's: nothing lost, nothing doubled, each key in order, whatever dies."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from atoll.contracts import Message
from atoll.core import Hooks, SystemClock, new_id
from atoll.messaging import Consumer, Relay, UndecodableMessage
from atoll.messaging.nats import NatsServer
from atoll.messaging.records import MessageHandled, MessagePublished
from atoll.storage import Database
from atoll.testing.queue_suite import Connect
from tests.integration.messaging.service_process import PLACED, Placed
from tests.integration.messaging.test_nats_queue import raw, restart
from tests.unit.messaging.fakes import Witness

KEYS = 8
COUNT = 400
DEADLINE = 60.0


class Effect(msgspec.Struct):
    key: str
    number: int


def placed(number: int) -> Message:
    key = f"order {number % KEYS}"
    data = msgspec.json.encode(Placed(key=key, number=number))
    return Message(id=new_id(), type=PLACED, source="order", time=1e9, key=key, data=data)


@pytest.fixture
async def relay(db: Database, connect: Connect, hooks: Hooks) -> AsyncIterator[Relay]:
    relay = Relay(db, await connect(), hooks=hooks, clock=SystemClock())
    relay.start()
    yield relay
    await relay.stop()


@pytest.fixture
async def consumer(db: Database, connect: Connect, hooks: Hooks) -> AsyncIterator[Consumer]:
    async def handle(received: Message) -> None:
        effect = msgspec.json.decode(received.data, type=Placed)
        await db.execute("INSERT INTO effects (key, number) VALUES ($1, $2)", effect.key, effect.number)

    consumer = Consumer(db, await connect(), "audit", {PLACED: handle}, hooks=hooks, clock=SystemClock())
    await consumer.start()
    yield consumer
    await consumer.stop()


async def commit(db: Database, numbers: range) -> None:
    for number in numbers:
        async with db.transaction():
            db.outbox.add(placed(number))


async def settled(db: Database, count: int) -> list[Effect]:
    """Wait until there are `count` effects; return them in the order of their commits."""
    async with asyncio.timeout(DEADLINE):
        while await db.fetch_value("SELECT count(*) FROM effects") < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # another process writes them
    return await db.fetch_all(Effect, "SELECT key, number FROM effects ORDER BY rowid")


def in_order(effects: list[Effect]) -> dict[str, list[int]]:
    return {key: [each.number for each in effects if each.key == key] for key in {each.key for each in effects}}


EXPECTED = {f"order {first}": list(range(first, COUNT, KEYS)) for first in range(KEYS)}


@pytest.mark.usefixtures("relay", "consumer")
async def test_every_event_has_its_effect_once_and_in_order(db: Database) -> None:
    await commit(db, range(COUNT))
    assert in_order(await settled(db, COUNT)) == EXPECTED


@pytest.mark.usefixtures("relay", "consumer")
async def test_a_broker_that_crashes_again_and_again_changes_nothing(
    db: Database, server: NatsServer, hooks: Hooks
) -> None:
    published = Witness(hooks, MessagePublished)
    for start in range(0, COUNT, 100):
        await commit(db, range(start, start + 100))
        await published.wait_for(start + 20)
        await restart(server)
    assert in_order(await settled(db, COUNT)) == EXPECTED


async def test_the_relay_publishes_what_a_crashed_broker_did_not_confirm(
    db: Database, server: NatsServer, relay: Relay, hooks: Hooks
) -> None:
    published = Witness(hooks, MessagePublished)
    server.kill()
    await commit(db, range(50))
    await server.wait()
    assert published.records == []
    await server.start()
    await published.wait_for(50)
    await relay.stop()
    assert await db.outbox.count() == 0


async def test_a_consumer_that_is_killed_again_and_again_changes_nothing(
    db: Database, server: NatsServer, relay: Relay, tmp_path: Path
) -> None:
    receiver_url = f"sqlite:///{tmp_path}/receiver.db"
    receiver = await Database.open(receiver_url)
    async with receiver.transaction():
        await receiver.execute("CREATE TABLE effects (key TEXT NOT NULL, number INTEGER NOT NULL)")
    committing = asyncio.ensure_future(commit(db, range(COUNT)))
    for reached in (40, 130, 270, COUNT):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.messaging.service_process", receiver_url, server.url
        )
        effects = await settled(receiver, reached)
        process.kill()
        await process.wait()
    await committing
    await receiver.close()
    assert in_order(effects) == EXPECTED


@pytest.mark.usefixtures("consumer")
async def test_what_is_no_cloud_event_becomes_a_dead_letter(db: Database, server: NatsServer, hooks: Hooks) -> None:
    handled = Witness(hooks, MessageHandled)
    async with raw(server) as client:
        await client.jetstream().publish(f"shop.{PLACED}", b"not ours")
    await handled.wait_for(1)
    [letter] = await db.dead_letters.list()
    assert (letter.message.data, letter.message.type) == (b"not ours", PLACED)
    assert letter.error.startswith(UndecodableMessage.__name__)
