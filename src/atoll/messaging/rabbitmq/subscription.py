"""One member of a group: takes turns with the others at the group's queue, and reads the history when it is new."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from aiormq.abc import AbstractConnection, DeliveredMessage

from atoll.core.ids import new_id
from atoll.messaging.errors import BrokerUnavailable, MessagingError
from atoll.messaging.port import Handler
from atoll.messaging.rabbitmq.delivery import Incoming
from atoll.messaging.rabbitmq.failures import told
from atoll.messaging.rabbitmq.hands import Hands
from atoll.messaging.rabbitmq.history import History, begin_group, marker_of
from atoll.messaging.rabbitmq.link import Channel, RabbitMQLink, passing_channel
from atoll.messaging.rabbitmq.publisher import Publisher
from atoll.messaging.rabbitmq.topology import Namespace, Topology

REFRESH_SECONDS: Final = 600.0
"""How long a marker is held before it is taken anew: the server closes a channel that settles nothing in 1800."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What a member asks for: the messages of `types` for `group`, `prefetch` unsettled at most."""

    names: Namespace
    group: str
    types: frozenset[str]
    prefetch: int
    hold: float
    unsafe: Set[str]

    @property
    def queue(self) -> str:
        """The queue that the members share."""
        return self.names.group(self.group)


class RabbitMQSubscription:
    """See `Subscription`. Gets messages only while it is the active member of its group."""

    def __init__(self, link: RabbitMQLink, publisher: Publisher, membership: Membership, handler: Handler) -> None:
        self._link = link
        self._publisher = publisher
        self._membership = membership
        self._hands = Hands(handler, hold=membership.hold, offer=self._offer)
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        self._arrivals: deque[DeliveredMessage] = deque()
        self._marker: tuple[str, Incoming] | None = None
        self._read: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        self._moving = asyncio.Lock()
        self._stopping = False

    async def attach(self, connection: AbstractConnection) -> None:
        """Take up the group's queue on `connection`: at first, and again after each loss.

        What was delivered and not settled comes again at once and before what is newer.
        """
        if self._stopping:
            return
        member = self._membership
        await self._stop_reading()
        topology = Topology(connection, place=self._link.place, unsafe=member.unsafe)
        with told(self._link.place):
            await begin_group(topology, self._publisher, member.names, member.group, member.types, marker=new_id())
        self._connection = connection
        async with self._moving:
            await self._consume(connection)

    async def stop(self) -> None:
        """See `Subscription.stop`."""
        self._stopping = True
        await self._hands.empty()
        await self._stop_reading()
        async with self._moving:
            await self._leave()

    async def _consume(self, connection: AbstractConnection) -> None:
        """Stand at the queue, and at that of what the broker gave up delivering, one message at a time there."""
        self._forget()
        member = self._membership
        channel = self._channel = await self._link.channel(connection)
        with told(self._link.place):
            await channel.amqp.basic_qos(prefetch_count=1)
            await channel.amqp.basic_consume(member.names.dead_of(member.group), self._given_up)
            await channel.amqp.basic_qos(prefetch_count=member.prefetch)
            await channel.amqp.basic_consume(member.queue, self._arrived)

    async def _leave(self) -> None:
        """Give up the place at the queue; another member, if there is one, becomes the active one."""
        channel = self._channel
        self._forget()
        if channel is not None:
            await channel.close()

    def _forget(self) -> None:
        channel, self._channel, self._marker = self._channel, None, None
        self._arrivals.clear()
        if channel is not None:
            self._hands.let_go(channel.amqp)

    async def _given_up(self, delivered: DeliveredMessage) -> None:
        if marker_of(delivered):
            await self._arrived(delivered)
        elif self._is_current(delivered):
            self._hands.take(Incoming(delivered, place=self._link.place, given_up=True))

    async def _arrived(self, delivered: DeliveredMessage) -> None:
        if self._is_current(delivered):
            self._arrivals.append(delivered)
            self._advance()

    def _is_current(self, delivered: DeliveredMessage) -> bool:
        return self._channel is not None and delivered.channel is self._channel.amqp and not self._stopping

    def _advance(self) -> None:
        """Hand on what has arrived, up to a marker, whose history comes first."""
        while self._arrivals and self._marker is None:
            delivered = self._arrivals.popleft()
            incoming = Incoming(delivered, place=self._link.place)
            if marker := marker_of(delivered):
                self._meet(marker, incoming)
            else:
                self._hands.take(incoming)

    def _meet(self, marker: str, incoming: Incoming) -> None:
        self._marker = marker, incoming
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._catch_up())

    async def _catch_up(self) -> None:
        """Read and settle what belongs to the marker in hand, then the marker itself, and go on."""
        connection = self._connection
        try:
            while self._marker is not None and connection is not None:
                marker = self._marker[0]
                if marker not in self._read:
                    await self._read_history(marker, connection)
                    self._read.add(marker)
                await self._settle(marker)
        except MessagingError as error:
            _logger.warning("the history for %s was not read to its end: %s", self._membership.group, error)
            if connection is not None:
                self._link.give_up(connection)
        else:
            self._advance()

    async def _read_history(self, marker: str, connection: AbstractConnection) -> None:
        """Read up to `marker`, taking up the queue anew now and then: whoever holds the marker long loses it."""
        member = self._membership
        history = History(
            marker,
            member.types,
            self._hands,
            names=member.names,
            publisher=self._publisher,
            place=self._link.place,
            prefetch=member.prefetch,
        )
        reading = asyncio.ensure_future(history.read(connection))
        try:
            while not (await asyncio.wait([reading], timeout=REFRESH_SECONDS))[0]:
                async with self._moving:
                    await self._leave()
                    await self._consume(connection)
            await reading
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _settle(self, marker: str) -> None:
        """Settle the marker, unless another member has got it meanwhile."""
        if self._marker is not None and self._marker[0] == marker:
            await self._marker[1].ack()
            self._marker = None

    async def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _offer(self, incoming: Incoming) -> bool:
        """Leave a message of a type that is not handled here to a member of another version; false without one."""
        if incoming.type in self._membership.types:
            return False
        try:
            async with self._moving:
                return not incoming.live or await self._step_aside(incoming)
        except BrokerUnavailable as error:
            _logger.debug("not offered to another member: %s", error)
            return not incoming.live

    async def _step_aside(self, incoming: Incoming) -> bool:
        """Put the message back and go to the end of the line; false when nobody else stands there."""
        connection = self._link.connection
        if await self._members(connection) < 2:
            return False
        await incoming.reject()
        await self._leave()
        await self._consume(connection)
        return True

    async def _members(self, connection: AbstractConnection) -> int:
        """Count them at the queue where all are active; at the group's own the server counts the active one."""
        queue = self._membership.names.dead_of(self._membership.group)
        with told(self._link.place):
            async with passing_channel(connection) as channel:
                return (await channel.queue_declare(queue, passive=True)).consumer_count or 0
