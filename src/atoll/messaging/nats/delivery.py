"""A JetStream message in hand. It is settled over whatever connection there is, not the one it came by."""

from __future__ import annotations

import json
import logging
from typing import Final

from nats.aio.msg import Msg

from atoll.contracts import Message
from atoll.messaging.errors import BrokerUnavailable
from atoll.messaging.nats.jetstream import NANOSECONDS
from atoll.messaging.nats.link import NatsLink
from atoll.messaging.nats.wire import decode

_SHORT: Final = 9
"""`$JS.ACK.<stream>.<consumer>.<times>.<stream seq>.<consumer seq>.<time>.<pending>`; longer ones name accounts too."""

_logger = logging.getLogger(__name__)


class NatsDelivery:
    """See `Delivery`. `place` is the message's sequence in its stream, `number` counts the consumer's deliveries.

    `repeated` says that a member before this one had the message; the server forgets that when it is reset.
    `given_back` says that it is to come again.
    """

    def __init__(self, link: NatsLink, msg: Msg) -> None:
        self._link = link
        self._msg = msg
        words = msg.reply.split(".")
        first = 4 if len(words) == _SHORT else 6
        self._delivered, self.place, self.number = (int(word) for word in words[first : first + 3])
        self.repeated = False
        self.given_back = False

    @property
    def subject(self) -> str:
        """What it was published to, which stands for its type."""
        return self._msg.subject

    @property
    def message(self) -> Message:
        return decode(self._msg)

    @property
    def attempt(self) -> int:
        return self._delivered + self.repeated

    async def ack(self) -> None:
        await self._link.send(self._msg.reply, b"+ACK")

    async def retry(self, after: float) -> None:
        self.given_back = True
        delay = json.dumps({"delay": int(after * NANOSECONDS)})
        await self._link.send(self._msg.reply, b"-NAK " + delay.encode() if after > 0 else b"-NAK")

    async def extend(self) -> None:
        await self._link.send(self._msg.reply, b"+WPI")

    async def give_back(self, after: float) -> None:
        """Like `retry`; without a connection the message comes again by itself."""
        try:
            await self.retry(after)
        except BrokerUnavailable as error:
            _logger.debug("not given back: %s", error)

    def renew(self, later: NatsDelivery) -> None:
        """Settle as `later`, a repeated delivery of the same message."""
        self._msg = later._msg
