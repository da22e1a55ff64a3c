"""The message queue on RabbitMQ: one exchange and one stream a namespace, one quorum queue a group."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from aiormq.abc import AbstractConnection

from atoll.contracts import Message
from atoll.core.hooks import Hooks
from atoll.messaging.errors import BrokerUnusable
from atoll.messaging.port import Handler, Subscription
from atoll.messaging.rabbitmq.address import Address, read_address
from atoll.messaging.rabbitmq.link import RabbitMQLink
from atoll.messaging.rabbitmq.publisher import Publisher
from atoll.messaging.rabbitmq.store import RabbitMQStore
from atoll.messaging.rabbitmq.subscription import Membership, RabbitMQSubscription
from atoll.messaging.rabbitmq.topology import Namespace
from atoll.messaging.rabbitmq.wire import checked_name, encode, routing_key_of
from atoll.storage.broker_position import BrokerPosition

HOLD: Final = 10.0
"""Seconds after which a message comes again whose handler has returned without settling or extending it."""
LARGEST_PREFETCH: Final = 65535
"""As much as AMQP can say."""


class RabbitMQMessageQueue:
    """See `MessageQueue`. Made by `connect`; from then on it comes back by itself whenever the server does.

    A message is confirmed once the stream of the namespace and the queue of every group that takes its type have
    stored it. One member of a group is active at a time, so that each key keeps its order; the others stand by.
    An ack has no answer in AMQP: it is known to be sent, and one that is lost makes the message come again. While
    there is no connection, publishing raises BrokerUnavailable at once.
    """

    def __init__(self, address: Address, *, namespace: str, hold: float, unsafe: Set[str]) -> None:
        self._names = Namespace(checked_name(namespace, "namespace"))
        self._hold = hold
        self._subscriptions: list[RabbitMQSubscription] = []
        self._unsafe = unsafe
        self._publisher = Publisher(address, self._names, unsafe=unsafe)
        self._store = RabbitMQStore(self._publisher, self._names.events)
        self._link = RabbitMQLink(address, name=f"atoll:{namespace}:consume", prepare=self._attach)
        self._consumes = False

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        namespace: str,
        hooks: Hooks | None = None,
        hold: float = HOLD,
        unsafe: Set[str] = frozenset(),
    ) -> RabbitMQMessageQueue:
        """Connect to the server at `url` and set up `namespace` if it is not there.

        Raises BrokerUnavailable when nobody answers, and BrokerUnusable for a URL that is none, credentials or a
        virtual host that the server does not know, a server that is too old, or an exchange or a queue that can
        lose messages, unless `unsafe` names that risk.
        """
        queue = cls(read_address(url), namespace=namespace, hold=hold, unsafe=unsafe)
        try:
            await queue._publisher.open()
        except BaseException:
            await queue._publisher.close()
            raise
        return queue

    async def publish(self, message: Message) -> None:
        routing_key = routing_key_of(message.type)
        await self._publisher.publish(self._names.events, routing_key, encode(message), message.data)

    @property
    def connection(self) -> int:
        return self._publisher.connections

    async def position(self) -> BrokerPosition | None:
        return await self._store.position()

    async def remembers(self, position: BrokerPosition) -> bool:
        return await self._store.remembers(position)

    @property
    def up(self) -> bool:
        """See `ConnectedQueue.up`."""
        return self._publisher.up and (self._link.up or not self._consumes)

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        if not types:
            raise BrokerUnusable(f"the group {group!r} subscribes to no event type; name one at least")
        membership = Membership(
            names=self._names,
            group=checked_name(group, "group"),
            types=frozenset(map(routing_key_of, types)),
            prefetch=min(prefetch, LARGEST_PREFETCH),
            hold=self._hold,
            unsafe=self._unsafe,
        )
        subscription = RabbitMQSubscription(self._link, self._publisher, membership, handler)
        await self._begin(subscription)
        return subscription

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.stop()
        await self._link.close()
        await self._publisher.close()

    async def _begin(self, subscription: RabbitMQSubscription) -> None:
        if not self._consumes:
            await self._link.open()
            self._consumes = True
        self._subscriptions.append(subscription)
        try:
            await subscription.attach(self._link.connection)
        except BaseException:
            self._subscriptions.remove(subscription)
            await subscription.stop()
            raise

    async def _attach(self, connection: AbstractConnection) -> None:
        for subscription in self._subscriptions:
            await subscription.attach(connection)
