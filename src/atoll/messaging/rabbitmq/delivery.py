"""A message in the hands of a member, and each of its deliveries to the handler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiormq.abc import AbstractChannel, DeliveredMessage

from atoll.contracts import Message
from atoll.messaging.errors import BrokerUnavailable, UndecodableMessage
from atoll.messaging.rabbitmq.failures import told
from atoll.messaging.rabbitmq.wire import decode, headers_of, times_delivered


class Incoming:
    """One message as the broker handed it over. `settled` is called once it is acked.

    `place` names the broker; `given_up` is true for a message that the broker has given up delivering. `live` turns
    false when the channel it came by is lost: the broker then delivers it again.
    """

    def __init__(
        self,
        delivered: DeliveredMessage,
        *,
        place: str,
        given_up: bool = False,
        settled: Callable[[], None] | None = None,
    ) -> None:
        self._delivered = delivered
        self._place = place
        self._given_up = given_up
        self._settled = settled
        self.id = headers_of(delivered).get("ce-id", "")
        self.type = delivered.routing_key or ""
        self.attempts = times_delivered(delivered)
        self.live = True
        self.running = False
        self.alarm: asyncio.TimerHandle | None = None

    @property
    def message(self) -> Message:
        """The message. Raises UndecodableMessage for one that is none of ours, or that the broker gave up."""
        message = decode(self._delivered)
        if self._given_up:
            raise UndecodableMessage("the broker gave up delivering it after too many attempts", message)
        return message

    @property
    def channel(self) -> AbstractChannel:
        """The channel that it came by."""
        return self._delivered.channel

    async def ack(self) -> None:
        """Tell the broker that it is done with. Raises BrokerUnavailable.

        AMQP has no answer to that. What the client does not wait for here has arrived when a channel is closed.
        """
        tag = self._tag()
        with told(self._place):
            await self.channel.basic_ack(tag, wait=False)
        if self._settled is not None:
            self._settled()

    async def reject(self) -> None:
        """Put it back at the head of its queue. Raises BrokerUnavailable.

        By `reject`, because servers from 4.3 on do not count what comes back by `nack`.
        """
        tag = self._tag()
        with told(self._place):
            await self.channel.basic_reject(tag, requeue=True)

    def renew(self, later: Incoming) -> None:
        """Settle as `later`, the same message delivered again over another channel."""
        self._delivered, self._settled, self.live = later._delivered, later._settled, True

    def disarm(self) -> None:
        """Stop waiting for anything."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None

    def _tag(self) -> int:
        tag = self._delivered.delivery_tag
        if not self.live or tag is None:
            raise BrokerUnavailable(f"the message came over a connection to {self._place} that was lost")
        return tag


class Hand(Protocol):
    """What holds messages while they are settled."""

    async def ack(self, incoming: Incoming) -> None:
        """Settle it for good."""
        ...

    def retry(self, incoming: Incoming, after: float) -> None:
        """Hand it to the handler again in `after` seconds."""
        ...

    def extend(self, incoming: Incoming) -> None:
        """Wait for its settlement from now on anew."""
        ...


class RabbitMQDelivery:
    """See `Delivery`. A message given back rests in this process, and its place under `prefetch` with it.

    So it is neither behind what is newer nor counted by the broker; when the process ends or the connection is
    lost before the time is up, the broker delivers it again at once.
    """

    def __init__(self, incoming: Incoming, hand: Hand) -> None:
        self._incoming = incoming
        self._hand = hand
        self.attempt = incoming.attempts
        self.settled = False

    @property
    def message(self) -> Message:
        return self._incoming.message

    async def ack(self) -> None:
        if not self.settled:
            await self._hand.ack(self._incoming)
            self.settled = True

    async def retry(self, after: float) -> None:
        if not self.settled:
            self.settled = True
            self._hand.retry(self._incoming, after)

    async def extend(self) -> None:
        if not self.settled:
            self._hand.extend(self._incoming)


Offer = Callable[[Incoming], Awaitable[bool]]
"""Offers a message to other members; false when it stays here."""
