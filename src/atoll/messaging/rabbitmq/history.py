"""What was published before a group was there, read from the stream that keeps everything.

The first message in a new group's queue is a marker, put there before any event can be. The member that gets it
reads the stream up to where the group's own queue begins, and settles the marker when all of that is settled; a
member that dies on the way leaves the marker, and so the whole work, to the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage

from atoll.messaging.errors import BrokerUnavailable
from atoll.messaging.rabbitmq.client import closing_of
from atoll.messaging.rabbitmq.delivery import Incoming
from atoll.messaging.rabbitmq.failures import told
from atoll.messaging.rabbitmq.hands import Hands
from atoll.messaging.rabbitmq.link import passing_channel
from atoll.messaging.rabbitmq.publisher import Publisher
from atoll.messaging.rabbitmq.topology import Namespace, Topology
from atoll.messaging.rabbitmq.wire import CONTROL_HEADER, encode_control, headers_of

DEFAULT_EXCHANGE: Final = ""


def marker_of(delivered: DeliveredMessage) -> str:
    """Return the name of a marker; empty for an event."""
    return headers_of(delivered).get(CONTROL_HEADER, "")


async def begin_group(
    topology: Topology, publisher: Publisher, names: Namespace, group: str, types: Collection[str], *, marker: str
) -> None:
    """Set up a group and lead `types` to it; one that is new gets `marker`, and its history ends with it.

    The exchange of the group is declared after its marker is stored, and tells that it is.
    """
    new = not await topology.is_set_up(names, group)
    await topology.queues(names, group)
    if new:
        await topology.settle()
        await publisher.publish(DEFAULT_EXCHANGE, names.group(group), encode_control(marker))
    await topology.route(names, group, sorted(types))
    if new:
        await publisher.publish(DEFAULT_EXCHANGE, names.events, encode_control(marker))


class History:
    """One reading of the stream, up to `marker`; puts the messages of `types` into `hands`."""

    def __init__(
        self,
        marker: str,
        types: Collection[str],
        hands: Hands,
        *,
        names: Namespace,
        publisher: Publisher,
        place: str,
        prefetch: int,
    ) -> None:
        self._marker = marker
        self._types = types
        self._hands = hands
        self._names = names
        self._publisher = publisher
        self._place = place
        self._prefetch = prefetch
        self._unsettled = 0
        self._at_end = False
        self._done = asyncio.Event()

    async def read(self, connection: AbstractConnection) -> None:
        """Return when everything is settled. Raises BrokerUnavailable when the connection is lost before."""
        with told(self._place):
            async with passing_channel(connection) as channel:
                try:
                    await self._consume(channel)
                    await self._finish(channel)
                finally:
                    self._hands.let_go(channel)

    async def _consume(self, channel: AbstractChannel) -> None:
        """Begin to read. The end is marked once more, for whoever set the group up may have died before."""
        await self._publisher.publish(DEFAULT_EXCHANGE, self._names.events, encode_control(self._marker))
        await channel.basic_qos(prefetch_count=self._prefetch)
        await channel.basic_consume(self._names.events, self._arrived, arguments={"x-stream-offset": "first"})

    async def _finish(self, channel: AbstractChannel) -> None:
        done = asyncio.ensure_future(self._done.wait())
        either: list[asyncio.Future[Any]] = [closing_of(channel), done]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            done.cancel()
        if not self._done.is_set():
            raise BrokerUnavailable(f"the history at {self._place} could not be read to its end")

    async def _arrived(self, delivered: DeliveredMessage) -> None:
        if self._at_end:
            return
        marker = marker_of(delivered)
        if not marker and delivered.routing_key in self._types:
            self._unsettled += 1
            self._hands.take(Incoming(delivered, place=self._place, settled=self._settled))
            return
        self._at_end = marker == self._marker
        self._check_done()
        tag = delivered.delivery_tag
        if not self._at_end and tag is not None:
            await delivered.channel.basic_ack(tag, wait=False)

    def _settled(self) -> None:
        self._unsettled -= 1
        self._check_done()

    def _check_done(self) -> None:
        if self._at_end and not self._unsettled:
            self._done.set()
