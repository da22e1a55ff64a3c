"""RabbitMQ itself fails: a server of our own is killed, filled, short of memory, and set up against us."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from atoll.contracts import Message
from atoll.core import Hooks, SystemClock, new_id
from atoll.messaging import BrokerUnavailable, Consumer, Delivery, MessageRefused, MessagingError, Relay
from atoll.messaging.rabbitmq import RabbitMQMessageQueue, RabbitMQServer, client, publisher
from atoll.messaging.records import MessagePublished
from atoll.storage import Database
from atoll.testing.broker_suite import arrived, publish_until_stored, subscribe_until_there
from atoll.testing.checks import until
from atoll.testing.queue_suite import HAPPENED, Collector, leave, message, publish
from tests.integration.messaging.rabbitmq.broker import TracedQueue, limit, wipe
from tests.integration.messaging.service_process import PLACED
from tests.integration.messaging.test_effectively_once import COUNT, EXPECTED, commit, in_order, settled
from tests.unit.messaging.fakes import Witness

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGEST = 100_000


class SmallServer(RabbitMQServer):
    """Takes small messages only."""

    def settings(self) -> dict[str, str]:
        return super().settings() | {"max_message_size": str(LARGEST)}


class MisledServer(RabbitMQServer):
    """Is told to listen where it cannot."""

    def settings(self) -> dict[str, str]:
        return super().settings() | {"listeners.tcp.local": "nowhere"}


@pytest.fixture(autouse=True)
def no_settling() -> None:
    """Here the server does crash."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitMQServer]:
    server = SmallServer(tmp_path_factory.mktemp("rabbitmq"))
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def queue(server: RabbitMQServer) -> AsyncIterator[RabbitMQMessageQueue]:
    namespace = f"test-{new_id()}"
    queue = await TracedQueue.connect(server.url, namespace=namespace)
    yield queue
    await queue.close()
    await wipe(namespace, server.url)


@pytest_asyncio.fixture(loop_scope="module")
async def db(tmp_path: object) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db")
    async with database.transaction():
        await database.execute("CREATE TABLE effects (key TEXT NOT NULL, number INTEGER NOT NULL)")
    yield database
    await database.close()


def namespace_of(queue: RabbitMQMessageQueue) -> str:
    return queue._names.name


async def crash(server: RabbitMQServer) -> None:
    server.kill()
    await server.wait()
    await server.start()


async def test_a_server_that_crashes_again_and_again_changes_no_effect(
    server: RabbitMQServer, queue: RabbitMQMessageQueue, db: Database
) -> None:
    async def handle(received: Message) -> None:
        effect = json.loads(received.data)
        await db.execute("INSERT INTO effects (key, number) VALUES ($1, $2)", effect["key"], effect["number"])

    hooks, clock = Hooks(), SystemClock()
    published = Witness(hooks, MessagePublished)
    relay = Relay(db, queue, hooks=hooks, clock=clock)
    consumer = Consumer(db, queue, "audit", {PLACED: handle}, hooks=hooks, clock=clock)
    relay.start()
    await consumer.start()
    for start in (0, COUNT // 2):
        await commit(db, range(start, start + COUNT // 2))
        await published.wait_for(start + 20)
        await crash(server)
    assert in_order(await settled(db, COUNT)) == EXPECTED
    await consumer.stop()
    await relay.stop()


async def test_a_server_that_lost_its_store_is_set_up_again(
    server: RabbitMQServer, queue: RabbitMQMessageQueue
) -> None:
    collector = Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    server.kill()
    await server.wait()
    shutil.rmtree(server.directory / "data")
    await server.start()
    await publish_until_stored(queue, 7)
    await arrived(collector, 7)


async def test_a_group_that_was_made_right_before_a_crash_keeps_what_was_confirmed(
    server: RabbitMQServer, queue: RabbitMQMessageQueue
) -> None:
    first, second = Collector(), Collector()
    await (await queue.subscribe("g", [HAPPENED], first)).stop()
    await publish(queue, 100)
    await crash(server)
    await publish_until_stored(queue, 100)
    await subscribe_until_there(queue, second)
    assert await second.wait_for(101) == list(range(101))


async def test_what_exceeds_the_delivery_limit_of_an_operator_is_not_dropped(
    server: RabbitMQServer, queue: RabbitMQMessageQueue
) -> None:
    await server.control("set_policy", "poison", f"^{namespace_of(queue)}.group", '{"delivery-limit": 2}')
    first = Collector()
    member = await queue.subscribe("g", [HAPPENED], first)
    await publish(queue, 1)
    await first.wait_for(1)
    await member.stop()
    await queue.publish(message(1))
    for _ in range(3):
        collector = Collector(then=leave)
        member = await queue.subscribe("g", [HAPPENED], collector)
        await collector.wait_for(1)
        await member.stop()
    given_up = Collector()
    await queue.subscribe("g", [HAPPENED], given_up)
    await until(lambda: any(is_given_up(each) for each in given_up.deliveries))


def is_given_up(delivery: Delivery) -> bool:
    try:
        return not delivery.message
    except MessagingError as error:
        return "gave up" in str(error)


async def test_a_server_short_of_memory_holds_up_publishing_and_nothing_else(
    server: RabbitMQServer, queue: RabbitMQMessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PUBLISH_TIMEOUT", 0.5)
    held, collector = asyncio.Event(), Collector(then=lambda delivery: release(held, delivery))
    await queue.subscribe("g", [HAPPENED], collector)
    await publish(queue, 3)
    await server.control("set_vm_memory_high_watermark", "0.0001")
    with pytest.raises(BrokerUnavailable, match="no answer"):
        await publish(queue, 100)
    held.set()
    await collector.wait_for(3)
    await server.control("set_vm_memory_high_watermark", "0.4")
    await publish_until_stored(queue, 1000)
    await arrived(collector, 1000)


async def release(held: asyncio.Event, delivery: Delivery) -> None:
    await held.wait()
    await delivery.ack()


async def test_a_limit_that_an_operator_takes_away_is_noticed(
    server: RabbitMQServer, queue: RabbitMQMessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "RENEW_SECONDS", 0.5)
    await queue.subscribe("g", [HAPPENED], Collector(then=leave), prefetch=1)
    await limit(server, namespace_of(queue), 3)
    with pytest.raises(BrokerUnavailable, match="is full"):
        await publish(queue, 100)
    await server.control("clear_policy", namespace_of(queue))
    await publish_until_stored(queue, 1000)


async def test_a_message_larger_than_the_server_takes_is_refused_and_harms_no_other(
    queue: RabbitMQMessageQueue,
) -> None:
    large = Message(id=new_id(), type=HAPPENED, source="test", time=1e9, data=bytes(LARGEST + 1))
    for _ in range(2):
        with pytest.raises(MessageRefused, match=f"{LARGEST + 1} bytes are more than the {LARGEST}"):
            await queue.publish(large)
    await publish_until_stored(queue, 1)


async def test_a_program_that_does_not_start_is_told(tmp_path: Path) -> None:
    server = MisledServer(tmp_path / "rabbitmq")
    with pytest.raises(MessagingError, match="did not start; see .*rabbitmq.log"):
        await server.start()
    assert (server.directory / "erl_crash.dump").exists()
