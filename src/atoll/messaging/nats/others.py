"""What the members of a group ask each other, past the stream: whether one of them handles a type that one does not."""

from __future__ import annotations

import logging
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from atoll.messaging.errors import BrokerUnavailable
from atoll.messaging.nats.cancellation import cancellable
from atoll.messaging.nats.jetstream import ConsumerConfig
from atoll.messaging.nats.link import NatsLink

ASK_SECONDS: Final = 1.0

_logger = logging.getLogger(__name__)


class Others:
    """The other members of the group of `config`, as one of them knows them.

    They meet at a subject below `_INBOX`, which a user of the server that may consume may use anyway.
    """

    def __init__(self, link: NatsLink, stream: str, config: ConsumerConfig) -> None:
        self._link = link
        self._subject = f"_INBOX.{stream}.members.{config.name}"
        self._handled = frozenset(config.filter_subjects)
        self._asked: Subscription | None = None

    async def listen(self) -> None:
        """Answer the others on the present connection. Raises BrokerUnavailable."""
        await self.leave()
        _, self._asked = await self._link.listen(self._answer, subject=self._subject)

    async def leave(self) -> None:
        """Answer no more. Idempotent."""
        asked, self._asked = self._asked, None
        if asked is not None:
            try:
                await cancellable(asked.unsubscribe())
            except (nats.errors.Error, OSError) as error:
                _logger.debug("its connection is gone: %s", error)

    async def handle(self, subject: str) -> bool:
        """Tell whether another one is there that handles what is published to `subject`; takes a second if not."""
        try:
            await self._link.request(self._subject, subject.encode(), timeout=ASK_SECONDS)
        except BrokerUnavailable:
            return False
        return True

    async def _answer(self, msg: Msg) -> None:
        if msg.data.decode() in self._handled:
            await self._link.send(msg.reply, b"")
