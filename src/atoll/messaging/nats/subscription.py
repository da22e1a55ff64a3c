"""A durable pull consumer kept filled: long polls, refilled at half, made anew when they fall silent."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Inbox

from atoll.messaging.errors import BrokerUnavailable, MessagingError
from atoll.messaging.nats.cancellation import cancellable
from atoll.messaging.nats.delivery import NatsDelivery
from atoll.messaging.nats.jetstream import NANOSECONDS, ConsumerConfig, ensure_consumer, reset_consumer
from atoll.messaging.nats.link import NatsLink
from atoll.messaging.port import Handler

POLL_SECONDS: Final = 30.0
HEARTBEAT_SECONDS: Final = 5.0
FAILURE_PAUSE: Final = 1.0

_logger = logging.getLogger(__name__)


class NatsSubscription:
    """One member of a group. Runs `handler` as a task for each message; at most one at a time for a message."""

    def __init__(self, link: NatsLink, stream: str, config: ConsumerConfig, handler: Handler) -> None:
        self._link = link
        self._stream = stream
        self._config = config
        self._handler = handler
        self._prefetch = config.max_ack_pending
        self._in_hand: dict[int, NatsDelivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._requested = 0
        self._heard = 0.0
        self._inbox: Inbox | None = None
        self._subject = ""
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    async def attach(self) -> None:
        """Take up the consumer on the present connection: at first, and again after each loss.

        What was delivered and not settled, to a member that died or over a connection that broke, comes again
        at once and before what is newer, so that a group of one member sees each key in order.
        """
        if self._stopping:
            return
        unsettled = await ensure_consumer(self._link, self._stream, self._config)
        if unsettled:
            await reset_consumer(self._link, self._stream, self._config.name)
        self._subject, self._inbox = await self._link.listen(self._arrived)
        self._requested = 0
        await self._pull()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._keep_alive())

    async def stop(self) -> None:
        """See `Subscription.stop`."""
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        if self._inbox is not None:
            inbox, self._inbox = self._inbox, None
            await _drain(inbox)
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _arrived(self, msg: Msg) -> None:
        self._heard = _now()
        if not msg.reply.startswith("$JS.ACK."):
            await self._told(msg)
            return
        self._requested = max(0, self._requested - 1)
        delivery = NatsDelivery(self._link, msg)
        if (known := self._in_hand.get(delivery.place)) is not None:
            known.renew(delivery)
        elif self._stopping:
            await delivery.give_back(0.0)
        else:
            self._start(delivery)

    async def _told(self, msg: Msg) -> None:
        """Act on a status message: the poll has ended, or the server says that it is still there."""
        headers = msg.headers or {}
        if headers.get("Status") == "100":
            return
        if headers.get("Status") in ("404", "408"):
            self._requested = max(0, self._requested - int(headers.get("Nats-Pending-Messages", "0")))
            await self._pull()
        else:
            _logger.info("the consumer %s was interrupted: %s", self._config.name, headers.get("Description"))
            self._heard = 0.0

    def _start(self, delivery: NatsDelivery) -> None:
        self._in_hand[delivery.place] = delivery
        task = asyncio.get_running_loop().create_task(self._run(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, delivery: NatsDelivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            _logger.exception("a message handler failed; the message will be delivered again")
            await delivery.give_back(FAILURE_PAUSE)
        finally:
            del self._in_hand[delivery.place]
        await self._pull()

    async def _pull(self) -> None:
        """Ask for as many messages as there is room for, once that is half of the room or more."""
        wanted = self._prefetch - len(self._in_hand) - self._requested
        if wanted * 2 < self._prefetch or self._stopping:
            return
        self._requested += wanted
        poll = {
            "batch": wanted,
            "expires": int(POLL_SECONDS * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._config.name}"
        try:
            await self._link.send(subject, json.dumps(poll).encode(), reply=self._subject)
            self._heard = _now()
        except BrokerUnavailable as error:
            _logger.debug("no messages can be asked for: %s", error)

    async def _keep_alive(self) -> None:
        """Attach anew when a poll is open and nothing was heard for three heartbeats."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            silent = _now() - self._heard > 3 * HEARTBEAT_SECONDS
            if silent and self._requested and self._link.up:
                try:
                    await self._reattach()
                except MessagingError as error:
                    _logger.warning("the consumer %s is silent: %s", self._config.name, error)

    async def _reattach(self) -> None:
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            await _drain(inbox)
        await self.attach()


def consumer_config(group: str, subjects: Sequence[str], *, prefetch: int, ack_wait: float) -> ConsumerConfig:
    """Return the set-up of a group's durable consumer. `ack_wait` is in seconds."""
    return ConsumerConfig(
        name=group,
        durable_name=group,
        filter_subjects=sorted(set(subjects)),
        ack_wait=int(ack_wait * NANOSECONDS),
        max_ack_pending=prefetch,
    )


async def _drain(inbox: Inbox) -> None:
    """Take no more, and wait until what has arrived was looked at."""
    drain: Callable[[], Awaitable[None]] = inbox.drain
    try:
        await cancellable(drain())
    except (nats.errors.Error, OSError) as error:
        _logger.debug("the inbox went with its connection: %s", error)


def _now() -> float:
    return asyncio.get_running_loop().time()
