"""From a broker URL to the queue that speaks to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from atoll.core.hooks import Hooks
from atoll.messaging.errors import BrokerUnusable
from atoll.messaging.memory import MemoryMessageQueue
from atoll.messaging.port import MessageQueue


async def open_queue(url: str, *, namespace: str, hooks: Hooks | None = None) -> MessageQueue:
    """Connect to the broker at `url`: `nats://host:port`, or `memory:` for one within this process.

    `namespace` keeps systems apart that share a broker. Raises BrokerUnavailable when nobody answers there,
    BrokerUnusable when the URL or the broker's set-up cannot work.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryMessageQueue.shared(f"{url}/{namespace}")
    if scheme == "nats":
        from atoll.messaging.nats import NatsMessageQueue

        return await NatsMessageQueue.connect(url, namespace=namespace, hooks=hooks or Hooks())
    raise BrokerUnusable(f"the broker URL {url!r} is not usable; write nats://host:port or memory:")
