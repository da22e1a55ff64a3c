"""Publishing with confirmation, over a connection of its own: a broker short of memory stops those that publish."""

from __future__ import annotations

import logging
from typing import Final

from aiormq.abc import AbstractConnection
from aiormq.exceptions import PublishError
from pamqp.commands import Basic

from atoll.messaging.errors import BrokerUnavailable, MessageRefused
from atoll.messaging.rabbitmq.address import Address
from atoll.messaging.rabbitmq.failures import largest_allowed, told
from atoll.messaging.rabbitmq.link import Channel, RabbitMQLink
from atoll.messaging.rabbitmq.topology import Namespace, Topology

PUBLISH_TIMEOUT: Final = 5.0
HEADER_SPARE: Final = 2048
"""Bytes of a header frame that are not the values of headers: their names, lengths, and the other properties."""

_logger = logging.getLogger(__name__)


class Publisher:
    """Stores messages in the queues that an exchange leads to; the namespace is set up whenever it connects."""

    def __init__(self, address: Address, names: Namespace) -> None:
        self._address = address
        self._names = names
        self._link = RabbitMQLink(address, name=f"atoll:{names.name}:publish", prepare=self._prepare)
        self._channel: Channel | None = None
        self._frame = 0
        self._largest: int | None = None

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
            if isinstance(error.__cause__, PublishError):
                self._link.give_up(connection)
            self._learn_size(error.__cause__)
            self._check_size(properties, data)
            raise

    async def _send(self, exchange: str, routing_key: str, properties: Basic.Properties, data: bytes) -> None:
        if self._channel is None:
            raise BrokerUnavailable(f"there is no connection to {self._link.place} at the moment")
        await self._channel.amqp.basic_publish(
            data,
            exchange=exchange,
            routing_key=routing_key,
            properties=properties,
            mandatory=True,
            timeout=PUBLISH_TIMEOUT,
            wait=False,
        )

    async def _prepare(self, connection: AbstractConnection) -> None:
        topology = Topology(connection, place=self._link.place, accepts_loss=self._address.accepts_loss)
        await topology.namespace(self._names)
        self._channel = await self._link.channel(connection, confirms=True)
        self._frame = connection.connection_tune.frame_max

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
