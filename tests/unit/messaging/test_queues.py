from __future__ import annotations

import pytest

from atoll.messaging import BrokerUnusable, open_queue
from atoll.messaging.memory import MemoryMessageQueue
from atoll.testing.queue_suite import HAPPENED, Collector, message


async def test_connections_in_memory_of_one_namespace_share_a_broker() -> None:
    one, other = await open_queue("memory:", namespace="shop"), await open_queue("memory:", namespace="shop")
    collector = Collector()
    await other.subscribe("g", [HAPPENED], collector)
    await one.publish(message(5))
    assert await collector.wait_for(1) == [5]
    await other.close()


async def test_namespaces_in_memory_are_apart() -> None:
    one, other = await open_queue("memory:", namespace="shop"), await open_queue("memory:", namespace="bank")
    collector = Collector()
    await other.subscribe("g", [HAPPENED], collector)
    await one.publish(message(1))
    await other.publish(message(2))
    assert await collector.wait_for(1) == [2]
    await other.close()


async def test_a_broker_in_memory_is_gone_with_its_last_connection() -> None:
    await MemoryMessageQueue.shared("gone").publish(message())
    queue, collector = MemoryMessageQueue.shared("gone"), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    await queue.publish(message(2))
    assert await collector.wait_for(1) == [2]
    await queue.close()


@pytest.mark.parametrize("url", ["kafka://here", "nonsense", "nats://", "nats://here:port", "nats://a:4222,b"])
async def test_a_url_that_names_no_broker_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(BrokerUnusable, match="is not usable; write nats://host:port"):
        await open_queue(url, namespace="shop")


async def test_a_password_is_not_shown() -> None:
    with pytest.raises(BrokerUnusable) as raised:
        await open_queue("nats://me:secret@here:port", namespace="shop")
    assert "secret" not in str(raised.value)
