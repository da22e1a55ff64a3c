"""Publishing with confirmation, over a connection of its own: a broker short of memory stops those that publish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set
from typing import Final

from aiormq.abc import AbstractConnection
from aiormq.exceptions import DeliveryError, PublishError
from pamqp.commands import Basic

from atoll.messaging.errors import BrokerUnavailable, MessageRefused
from atoll.messaging.rabbitmq import client
from atoll.messaging.rabbitmq.address import Address
from atoll.messaging.rabbitmq.failures import largest_allowed, told
from atoll.messaging.rabbitmq.link import Channel, RabbitMQLink
from atoll.messaging.rabbitmq.topology import Namespace, Topology

RENEW_SECONDS: Final = 30.0
"""How old a connection must be to be replaced because a queue is full."""
HEADER_SPARE: Final = 2048
"""Bytes of a header frame that are not the values of headers: their names, lengths, and the other properties."""

_logger = logging.getLogger(__name__)


class Publisher:
    """Stores messages in the queues that an exchange leads to; the namespace is set up whenever it connects."""

    def __init__(self, address: Address, names: Namespace, *, unsafe: Set[str]) -> None:
        self._unsafe = unsafe
        self._names = names
        self._link = RabbitMQLink(address, name=f"atoll:{names.name}:publish", prepare=self._prepare)
        self._channel: Channel | None = None
        self._connected = 0.0
        self._frame = 0
        self._largest: int | None = None
        self.connections = 0

    @property
    def place(self) -> str:
        """Where the broker is, as it may be shown."""
        return self._link.place

    @property
    def connection(self) -> AbstractConnection:
        """The present connection. Raises BrokerUnavailable while there is none."""
        return self._link.connection

    @property
    def up(self) -> bool:
        """True while there is a connection."""
        return self._link.up

    def set_up_again(self, connection: AbstractConnection) -> None:
        """Connect anew, because something that was set up over `connection` is gone."""
        self._link.give_up(connection)

    async def open(self) -> None:
        """Connect. Raises BrokerUnavailable or BrokerUnusable."""
        await self._link.open()

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        await self._link.close()

    async def publish(self, exchange: str, routing_key: str, properties: Basic.Properties, data: bytes = b"") -> None:
        """Return when every queue that `exchange` leads to has stored the message, one at least.

        Raises BrokerUnavailable when that is not known, MessageRefused when it never will.
        """
        connection = self._link.connection
        self._check_size(properties, data)
        try:
            with told(self._link.place):
                await self._send(exchange, routing_key, properties, data)
        except BrokerUnavailable as error:
            self._learn_size(error.__cause__)
            self._check_size(properties, data)
            if self._is_stale(error.__cause__):
                self._link.give_up(connection)
            raise

    async def _send(self, exchange: str, routing_key: str, properties: Basic.Properties, data: bytes) -> None:
        if self._channel is None:
            raise BrokerUnavailable(f"there is no connection to {self._link.place} at the moment")
        await client.send(self._channel.amqp, exchange, routing_key, properties, data)

    async def _prepare(self, connection: AbstractConnection) -> None:
        topology = Topology(connection, place=self._link.place, unsafe=self._unsafe)
        await topology.namespace(self._names)
        self._channel = await self._link.channel(connection, confirms=True)
        self._frame = connection.connection_tune.frame_max
        self._connected = _now()
        self.connections += 1

    def _is_stale(self, cause: BaseException | None) -> bool:
        """True when a fresh connection may help: it sets the exchange up again, and has not been told of a full queue.

        A server that has told a channel so may forget to take it back (3.10, when the limit was a policy that is
        gone).
        """
        if isinstance(cause, PublishError):
            return True
        return isinstance(cause, DeliveryError) and _now() - self._connected > RENEW_SECONDS

    def _learn_size(self, cause: BaseException | None) -> None:
        largest = largest_allowed(cause) if cause is not None else None
        if largest is not None:
            self._largest = largest
            _logger.warning("the broker at %s takes %d bytes in one message, no more", self._link.place, largest)

    def _check_size(self, properties: Basic.Properties, data: bytes) -> None:
        """Raise MessageRefused for what the broker would close the channel or the connection for."""
        if self._largest is not None and len(data) > self._largest:
            raise MessageRefused(f"{len(data)} bytes are more than the {self._largest} that the broker takes")
        headers = sum(len(str(value)) for value in (properties.headers or {}).values())
        if self._frame and headers + HEADER_SPARE > self._frame:
            raise MessageRefused(f"{headers} bytes in headers are more than the broker takes; shorten the event's key")


def _now() -> float:
    return asyncio.get_running_loop().time()
