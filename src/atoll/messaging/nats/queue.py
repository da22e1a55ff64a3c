"""The message queue on NATS JetStream: one stream a namespace, one durable pull consumer a group."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence, Set
from contextlib import asynccontextmanager
from typing import Final

from atoll.contracts import Message
from atoll.core.hooks import Hooks
from atoll.core.ids import new_id
from atoll.messaging.errors import BrokerUnusable
from atoll.messaging.nats.jetstream import store, store_together
from atoll.messaging.nats.link import NatsLink, NobodyListens
from atoll.messaging.nats.safety import open_safely
from atoll.messaging.nats.store import NatsStore
from atoll.messaging.nats.subscription import NatsSubscription, consumer_config
from atoll.messaging.nats.wire import checked_name, encode, subject_of
from atoll.messaging.port import Handler, Subscription
from atoll.storage.broker_position import BrokerPosition

ACK_WAIT: Final = 10.0
"""Seconds a delivery may go without being settled or extended before another member gets it."""
PUBLISH_TIMEOUT: Final = 5.0
BATCH_BYTES: Final = 1 << 20
"""A batch that has more data than this is stored in parts."""


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
        self._store = NatsStore(self._link, namespace)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        namespace: str,
        hooks: Hooks | None = None,
        ack_wait: float = ACK_WAIT,
        unsafe: Set[str] = frozenset(),
    ) -> NatsMessageQueue:
        """Connect to the server at `url` and make the stream of `namespace` if it is not there.

        Raises BrokerUnavailable when nobody answers, and BrokerUnusable for a URL that is none, credentials that are
        refused, a server without JetStream, a stream that would lose messages, and a server that is not known to flush
        what it confirms unless `unsafe` names that risk; what is wrong is told at once.
        """
        queue = cls(url, namespace=namespace, ack_wait=ack_wait)
        try:
            await open_safely(queue._link, unsafe)
        except BaseException:
            await queue._link.close()
            raise
        return queue

    async def publish(self, message: Message) -> None:
        subject, after = subject_of(self._namespace, message.type), self._store.place
        async with self._with_a_stream():
            ack = await store(self._link, subject, message.data, encode(message), timeout=PUBLISH_TIMEOUT)
        self._store.confirmed(message.id, ack, after=after)

    @property
    def batch(self) -> int:
        return self._store.batch

    async def publish_together(self, messages: Sequence[Message]) -> None:
        """See `BatchingQueue`. What the server refuses as a batch is published one by one."""
        for part in parts(messages, BATCH_BYTES):
            if len(part) == 1 or not await self._as_one(part):
                for message in part:
                    await self.publish(message)

    @property
    def connection(self) -> int:
        return self._store.connection

    async def position(self) -> BrokerPosition | None:
        return self._store.position

    async def remembers(self, position: BrokerPosition) -> bool:
        return await self._store.remembers(position)

    @property
    def up(self) -> bool:
        """See `ConnectedQueue.up`."""
        return self._link.up

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

    async def _as_one(self, messages: Sequence[Message]) -> bool:
        """Store them as one batch; False when the server does not, as when it has one of them already."""
        after = self._store.place
        wire = [(subject_of(self._namespace, each.type), each.data, encode(each)) for each in messages]
        async with self._with_a_stream():
            ack = await store_together(self._link, wire, batch=new_id(), timeout=PUBLISH_TIMEOUT)
        if ack is not None:
            self._store.confirmed(messages[-1].id, ack, after=after)
        return ack is not None

    @asynccontextmanager
    async def _with_a_stream(self) -> AsyncGenerator[None]:
        """Make the stream again when nobody takes what the block publishes; the block fails all the same."""
        connection = self._store.connection
        try:
            yield
        except NobodyListens:
            if self._store.connection == connection:
                await self._store.prepare()
            raise

    async def _prepare(self) -> None:
        await self._store.prepare()
        for subscription in self._subscriptions:
            await subscription.attach()


def parts(messages: Sequence[Message], most: int) -> Iterator[Sequence[Message]]:
    """Cut `messages` where their data would exceed `most` bytes; a message is never cut."""
    start = size = 0
    for place, each in enumerate(messages):
        size += len(each.data)
        if size > most and place > start:
            yield messages[start:place]
            start, size = place, len(each.data)
    yield messages[start:]
