"""The message queue on NATS JetStream: one stream a namespace, one durable pull consumer a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from atoll.contracts import Message
from atoll.core.hooks import Hooks
from atoll.messaging.errors import BrokerUnusable
from atoll.messaging.nats.jetstream import ensure_stream, store
from atoll.messaging.nats.link import NatsLink
from atoll.messaging.nats.subscription import NatsSubscription, consumer_config
from atoll.messaging.nats.wire import checked_name, encode, subject_of
from atoll.messaging.port import Handler, Subscription

ACK_WAIT: Final = 10.0
"""Seconds a delivery may go without being settled or extended before another member gets it."""
PUBLISH_TIMEOUT: Final = 5.0


class NatsMessageQueue:
    """See `MessageQueue`. Made by `connect`; from then on it comes back by itself whenever the server does.

    Event type `shop.order.OrderPlaced.v1` has the subject `<namespace>.shop.order.OrderPlaced.v1` in the stream
    `<namespace>`, which is kept in files and never drops a message. A repeated id is dropped by the server when
    it comes within two minutes. While there is no connection, publishing raises BrokerUnavailable at once.
    """

    def __init__(self, url: str, *, namespace: str, ack_wait: float = ACK_WAIT) -> None:
        self._namespace = checked_name(namespace, "namespace")
        self._ack_wait = ack_wait
        self._subscriptions: list[NatsSubscription] = []
        self._link = NatsLink(url, name=f"atoll:{namespace}", prepare=self._prepare)

    @classmethod
    async def connect(
        cls, url: str, *, namespace: str, hooks: Hooks | None = None, ack_wait: float = ACK_WAIT
    ) -> NatsMessageQueue:
        """Connect to the server at `url` and make the stream of `namespace` if it is not there.

        Raises BrokerUnavailable when nobody answers, and BrokerUnusable for a URL that is none, a server
        without JetStream, or a stream that would lose messages.
        """
        queue = cls(url, namespace=namespace, ack_wait=ack_wait)
        try:
            await queue._link.open()
        except BaseException:
            await queue._link.close()
            raise
        return queue

    async def publish(self, message: Message) -> None:
        subject = subject_of(self._namespace, message.type)
        await store(self._link, subject, message.data, encode(message), timeout=PUBLISH_TIMEOUT)

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        if not types:
            raise BrokerUnusable(f"the group {group!r} subscribes to no event type; name one at least")
        subjects = [subject_of(self._namespace, each) for each in types]
        config = consumer_config(checked_name(group, "group"), subjects, prefetch=prefetch, ack_wait=self._ack_wait)
        subscription = NatsSubscription(self._link, self._namespace, config, handler)
        await subscription.attach()
        self._subscriptions.append(subscription)
        return subscription

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.stop()
        await self._link.close()

    async def _prepare(self) -> None:
        await ensure_stream(self._link, self._namespace)
        for subscription in self._subscriptions:
            await subscription.attach()
