"""The parts of aiormq that it leaves without types, with types."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiormq import Connection
from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from atoll.messaging.rabbitmq.transport import GatheringTransportFactory

PUBLISH_TIMEOUT: Final = 5.0


class _Connection(Connection):
    """Lets more frames wait than the ten of aiormq, so that there is something to send at once."""

    FRAME_BUFFER_SIZE = 256


async def connect(server: str, *, name: str) -> Connection:
    """Connect to the server at that URL, as `name` in its lists."""
    connection: Any = _Connection(
        server, client_properties={"connection_name": name}, transport_factory=GatheringTransportFactory()
    )
    await connection.connect()
    opened: Connection = connection
    return opened


def closing_of(resource: Any) -> asyncio.Future[None]:
    """Return what ends when a connection or a channel is closed, by whomever."""
    closing: asyncio.Future[None] = resource.closing
    return closing


async def send(
    channel: AbstractChannel, exchange: str, routing_key: str, properties: Basic.Properties, data: bytes
) -> None:
    """Publish, and return when the broker has confirmed. What it returns as undeliverable is raised.

    The client does not wait for its socket to be written to, because it would publish one after the other then.
    """
    any_channel: Any = channel
    await any_channel.basic_publish(
        data,
        exchange=exchange,
        routing_key=routing_key,
        properties=properties,
        mandatory=True,
        timeout=PUBLISH_TIMEOUT,
        wait=False,
    )
