"""What is done to the messages of a system, and asked of its broker, past the system itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from atoll.contracts import Message
from atoll.messaging import open_queue
from atoll.messaging.nats.jetstream import store
from atoll.messaging.nats.link import NatsLink
from atoll.messaging.nats.wire import DEDUP_HEADER, encode, subject_of
from atoll.messaging.rabbitmq.server import RabbitMQServer
from atoll.torture.engines import Broker, kind_of

ANSWER_SECONDS: Final = 5.0


async def repeat(url: str, namespace: str, messages: Sequence[Message]) -> None:
    """Publish `messages` to the broker at `url` again under their CloudEvents ids, as any broker may deliver again.

    JetStream would drop a repetition by a header of its own for some minutes; that header is left out here, so
    that every consumer gets the message once more. Raises MessagingError when the broker does not take them.
    """
    if kind_of(url) == "nats":
        await _repeat_on_nats(url, namespace, messages)
        return
    queue = await open_queue(url, namespace=namespace)
    try:
        for message in messages:
            await queue.publish(message)
    finally:
        await queue.close()


async def waiting(url: str, namespace: str, broker: Broker | None) -> Mapping[str, int]:
    """Return by consumer how many messages it has not settled, as far as we can ask: JetStream, or our own RabbitMQ.

    Raises MessagingError when the broker does not answer.
    """
    if kind_of(url) == "nats":
        return await _waiting_on_nats(url, namespace)
    if broker is not None and isinstance(broker.server, RabbitMQServer):
        table = await broker.server.control("list_queues", "name", "messages")
        rows = [line.split("\t") for line in table.splitlines() if line.startswith(f"{namespace}.group.")]
        return {name: int(count) for name, count in rows}
    return {}


async def _waiting_on_nats(url: str, namespace: str) -> Mapping[str, int]:
    async with _link(url) as link:
        answer = await link.request(f"$JS.API.CONSUMER.LIST.{namespace}", b"", timeout=ANSWER_SECONDS)
    consumers = msgspec.json.decode(answer.data, type=_Consumers).consumers
    return {each.name: each.num_pending + each.num_ack_pending for each in consumers}


async def _repeat_on_nats(url: str, namespace: str, messages: Sequence[Message]) -> None:
    async with _link(url) as link:
        for message in messages:
            headers = {name: value for name, value in encode(message).items() if name != DEDUP_HEADER}
            await store(link, subject_of(namespace, message.type), message.data, headers, timeout=ANSWER_SECONDS)


@asynccontextmanager
async def _link(url: str) -> AsyncGenerator[NatsLink]:
    link = NatsLink(url, name="atoll:torture", prepare=_nothing)
    try:
        await link.open()
        yield link
    finally:
        await link.close()


async def _nothing() -> None:
    """A link for reading and writing needs no preparation."""


class _Consumer(msgspec.Struct):
    """https://docs.nats.io/reference/reference-protocols/nats_api_reference: what it shows of a consumer."""

    name: str
    num_pending: int = 0
    num_ack_pending: int = 0


class _Consumers(msgspec.Struct):
    consumers: list[_Consumer] = []
