"""From a broker URL to the queue that speaks to it."""

from __future__ import annotations

import re
from collections.abc import Set
from urllib.parse import urlsplit

from atoll.core.hooks import Hooks
from atoll.messaging.errors import BrokerUnusable
from atoll.messaging.memory import MemoryMessageQueue
from atoll.messaging.port import MessageQueue


async def open_queue(
    url: str, *, namespace: str, hooks: Hooks | None = None, unsafe: Set[str] = frozenset()
) -> MessageQueue:
    """Connect to the broker at `url`: `nats://host:port`, `amqp://user:password@host:port/vhost` (RabbitMQ), or
    `memory:` for one within this process.

    `namespace` keeps systems apart that share a broker; `unsafe` names the risks of loss that are accepted. Raises
    BrokerUnavailable when nobody answers there, BrokerUnusable when the URL or the broker's set-up cannot work.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryMessageQueue.shared(f"{url}/{namespace}")
    if scheme == "nats":
        from atoll.messaging.nats import NatsMessageQueue

        return await NatsMessageQueue.connect(url, namespace=namespace, hooks=hooks or Hooks(), unsafe=unsafe)
    if scheme in ("amqp", "amqps"):
        return await _rabbitmq(url, namespace, hooks, unsafe)
    shown = re.sub(r"//[^@/]*@", "//", url)
    raise BrokerUnusable(f"the broker URL {shown!r} is not usable; write nats://host:port, amqp://host:port or memory:")


async def _rabbitmq(url: str, namespace: str, hooks: Hooks | None, unsafe: Set[str]) -> MessageQueue:
    try:
        from atoll.messaging.rabbitmq import RabbitMQMessageQueue
    except ModuleNotFoundError as error:
        raise BrokerUnusable("RabbitMQ needs a client; install it with: pip install 'atoll[rabbitmq]'") from error
    return await RabbitMQMessageQueue.connect(url, namespace=namespace, hooks=hooks, unsafe=unsafe)
