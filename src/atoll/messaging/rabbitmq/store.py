"""Where the stream that keeps every event stands, so that a broker which has lost messages is noticed.

A confirmation does not say where a message is, so the stream is asked: it hands out the chunk written last, and a chunk
is stored and lost as one. A publication that was confirmed before is in that chunk or in one before it.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.exceptions import ChannelNotFoundEntity

from atoll.core.ids import new_id
from atoll.messaging.errors import BrokerUnavailable
from atoll.messaging.rabbitmq.failures import told
from atoll.messaging.rabbitmq.history import DEFAULT_EXCHANGE, marker_of
from atoll.messaging.rabbitmq.link import passing_channel
from atoll.messaging.rabbitmq.publisher import Publisher
from atoll.messaging.rabbitmq.wire import encode_control, headers_of
from atoll.storage.broker_position import BrokerPosition

READ_SECONDS: Final = 2.0
_OFFSET: Final = "x-stream-offset"
_UNKNOWN: Final = BrokerPosition()


class RabbitMQStore:
    """The stream `name`, read over the connection that `publisher` has at the moment."""

    def __init__(self, publisher: Publisher, name: str) -> None:
        self._publisher = publisher
        self._name = name

    async def position(self) -> BrokerPosition | None:
        """See `RecallingQueue.position`."""
        last = await self._last()
        return None if last == _UNKNOWN else last

    async def remembers(self, position: BrokerPosition) -> bool:
        """See `RecallingQueue.remembers`."""
        last = await self._last()
        if last in (_UNKNOWN, position):
            return True
        if last.place < position.place:
            return False
        found = await self._read(position.place)
        if found is None:
            raise BrokerUnavailable(f"the stream {self._name!r} does not hand out what it has")
        return found.place > position.place or found.witness == position.witness

    async def _last(self) -> BrokerPosition:
        """Return the start of the chunk written last. In an empty stream there is none, so one is written."""
        if (last := await self._read("last")) is None:
            await self._publisher.publish(DEFAULT_EXCHANGE, self._name, encode_control(f"store {new_id()}"))
            last = await self._read("last")
        if last is None:
            raise BrokerUnavailable(f"the stream {self._name!r} does not hand out what it has")
        return last

    async def _read(self, offset: int | Literal["last"]) -> BrokerPosition | None:
        """Return the first message from `offset` on; None when there is none within two seconds."""
        connection = self._publisher.connection
        try:
            with told(self._publisher.place):
                return await _first(connection, self._name, offset)
        except BrokerUnavailable as error:
            if isinstance(error.__cause__, ChannelNotFoundEntity):
                self._publisher.set_up_again(connection)
            raise


async def _first(connection: AbstractConnection, stream: str, offset: int | str) -> BrokerPosition | None:
    found: asyncio.Future[BrokerPosition] = asyncio.get_running_loop().create_future()

    async def arrived(delivered: DeliveredMessage) -> None:
        if not found.done():
            found.set_result(_place_of(delivered))

    async with passing_channel(connection) as channel:
        await channel.basic_qos(prefetch_count=1)
        await channel.basic_consume(stream, arrived, arguments={_OFFSET: offset})
        await asyncio.wait([found], timeout=READ_SECONDS)
    return found.result() if found.done() else None


def _place_of(delivered: DeliveredMessage) -> BrokerPosition:
    """Return where a message is. A queue that is no stream does not say."""
    place = (delivered.header.properties.headers or {}).get(_OFFSET)
    if not isinstance(place, int):
        return _UNKNOWN
    return BrokerPosition(place=place, witness=headers_of(delivered).get("ce-id", "") or marker_of(delivered))
