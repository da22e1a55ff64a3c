"""One member of a group on a durable pull consumer: active while the server has pinned it, else standing by.

The server gives messages to one member, the pinned one, which it gives up when that has not asked for anything for
PIN_SECONDS (priority groups, ADR-42). Whoever is pinned next lets the server begin again at the first message that is
not settled, so that it gets what its predecessor had in hand in order and before anything newer.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import compress
from typing import Any, Final

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Inbox

from atoll.messaging.errors import BrokerUnavailable, MessagingError
from atoll.messaging.nats.cancellation import cancellable
from atoll.messaging.nats.delivery import NatsDelivery
from atoll.messaging.nats.gathering import Gathering
from atoll.messaging.nats.jetstream import (
    NANOSECONDS,
    PRIORITY_GROUP,
    ConsumerConfig,
    consumer_state,
    ensure_consumer,
    reset_consumer,
    subjects_of,
    unpin_consumer,
)
from atoll.messaging.nats.link import NatsLink
from atoll.messaging.nats.others import Others
from atoll.messaging.port import Handler

POLL_SECONDS: Final = 30.0
HEARTBEAT_SECONDS: Final = 5.0
PIN_SECONDS: Final = 3.0
"""How long the active member may be silent before another one takes over."""
TICK_SECONDS: Final = 1.0
FAILURE_PAUSE: Final = 1.0
PIN_HEADER: Final = "Nats-Pin-Id"

_logger = logging.getLogger(__name__)


class NatsSubscription:
    """See `Subscription`. Runs `handler` as a task for each message; at most one at a time for a message."""

    def __init__(self, link: NatsLink, stream: str, config: ConsumerConfig, handler: Handler) -> None:
        self._link = link
        self._stream = stream
        self._config = config
        self._handler = handler
        self._prefetch = config.max_ack_pending
        self._in_hand: dict[int, NatsDelivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pin = ""
        self._repeated_to = 0
        self._gathering: Gathering | None = None
        self._requested = 0
        self._heard = 0.0
        self._inbox: Inbox | None = None
        self._subject = ""
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False
        self._others = Others(link, stream, config)
        self._offered = ""

    async def attach(self) -> None:
        """Take up the consumer on the present connection: at first, and again after each loss.

        When the pinned member has no poll there any more, it is gone: this one need not wait for its time to run out.
        """
        if self._stopping:
            return
        self._pin = ""
        self._gathering = None
        config = msgspec.structs.replace(self._config, filter_subjects=await self._subjects())
        state = await ensure_consumer(self._link, self._stream, config)
        self._subject, self._inbox = await self._link.listen(self._arrived)
        await self._others.listen()
        self._requested = 0
        if state.is_pinned and not state.num_waiting:
            await unpin_consumer(self._link, self._stream, self._config.name)
        await self._adopt()
        await self._pull()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._keep_alive())

    async def _subjects(self) -> list[str]:
        """Return what the group is to be given: what is handled here, or by members of another version.

        When the consumer is taken up again nothing is taken from it, because the others may not be back yet.
        """
        handled = set(self._config.filter_subjects)
        foreign = [
            each for each in await subjects_of(self._link, self._stream, self._config.name) if each not in handled
        ]
        kept = [self._watch is not None or await self._others.handle(each) for each in foreign]
        return sorted(handled.union(compress(foreign, kept)))

    async def stop(self) -> None:
        """See `Subscription.stop`. Another member takes over at once."""
        self._stopping = True
        await self._others.leave()
        if self._inbox is not None:
            inbox, self._inbox = self._inbox, None
            await _drain(inbox)
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        if self._pin:
            self._pin = ""
            try:
                await unpin_consumer(self._link, self._stream, self._config.name)
            except MessagingError as error:
                _logger.debug("another member takes over later: %s", error)

    async def _arrived(self, msg: Msg) -> None:
        self._heard = _now()
        if not msg.reply.startswith("$JS.ACK."):
            await self._told(msg)
            return
        self._requested = max(0, self._requested - 1)
        delivery = NatsDelivery(self._link, msg)
        delivery.repeated = delivery.place <= self._repeated_to
        pin = (msg.headers or {}).get(PIN_HEADER, "")
        if pin != self._pin and not self._stopping:
            await self._take_over(pin, delivery)
        elif self._gathering is not None:
            self._gathering.add(delivery)
        else:
            await self._accept(delivery)

    async def _accept(self, delivery: NatsDelivery) -> None:
        if (known := self._in_hand.get(delivery.place)) is not None:
            known.renew(delivery)
        elif self._stopping:
            await delivery.give_back(0.0)
        else:
            self._start(delivery)

    async def _take_over(self, pin: str, first: NatsDelivery) -> None:
        """Become the active member. `first` waits for its turn, unless the server has just begun at the beginning."""
        self._pin = pin
        if first.number == 1:
            await self._accept(first)
        else:
            _logger.info("%s goes on here", self._config.name)
            self._repeated_to = max(self._repeated_to, first.place)
            if not await reset_consumer(self._link, self._stream, self._config.name):
                self._gathering = Gathering()
                self._gathering.add(first)
        await self._pull()

    async def _adopt(self) -> None:
        """While nobody is active, let what the last one had in hand come again, instead of when its time is up."""
        state = await consumer_state(self._link, self._stream, self._config.name)
        if state.num_ack_pending and not state.is_pinned:
            self._repeated_to = max(self._repeated_to, state.delivered.stream_seq)
            await reset_consumer(self._link, self._stream, self._config.name)

    async def _told(self, msg: Msg) -> None:
        """Act on a status message: the poll has ended, or the server says that it is still there."""
        headers = msg.headers or {}
        status = headers.get("Status")
        if status == "100":
            return
        if status in ("404", "408"):
            self._requested = max(0, self._requested - int(headers.get("Nats-Pending-Messages", "0")))
            await self._pull()
        elif status == "423":  # another member is pinned now
            self._pin, self._requested, self._gathering = "", 0, None
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
        if delivery.given_back and delivery.subject not in self._config.filter_subjects:
            try:
                await self._step_aside(delivery.subject)
            except MessagingError as error:
                self._offered = ""
                _logger.debug("not offered to another member: %s", error)
        if (len(self._in_hand) + self._requested) * 2 <= self._prefetch:
            await self._pull()

    async def _step_aside(self, subject: str) -> None:
        """Let another member take over that handles what is published to `subject`, if there is one.

        Once for each time of being active: until the server says that it is over, the place may be another's already.
        """
        pin = self._pin
        if not pin or pin == self._offered:
            return
        self._offered = pin
        if not await self._others.handle(subject):
            self._offered = ""
        elif self._pin == pin and not self._stopping:
            _logger.info("%s goes on at a member that handles %s", self._config.name, subject)
            await unpin_consumer(self._link, self._stream, self._config.name)

    async def _pull(self) -> None:
        """Ask for as many messages as there is room for, once that is half of the room or more.

        Who stands by asks for one, with which the server makes it the active member.
        """
        wanted = self._prefetch - len(self._in_hand) - self._requested if self._pin else 1 - self._requested
        if wanted < 1 or (self._pin and wanted * 2 < self._prefetch) or self._stopping:
            return
        self._requested += wanted
        try:
            await self._ask(
                self._subject,
                batch=wanted,
                expires=int(POLL_SECONDS * NANOSECONDS),
                idle_heartbeat=int(HEARTBEAT_SECONDS * NANOSECONDS),
            )
            self._heard = _now()
        except BrokerUnavailable as error:
            _logger.debug("no messages can be asked for: %s", error)

    async def _ask(self, reply: str, **poll: Any) -> None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._config.name}"
        poll |= {"group": PRIORITY_GROUP}
        if self._pin:
            poll["id"] = self._pin
        await self._link.send(subject, json.dumps(poll).encode(), reply=reply)

    async def _keep_alive(self) -> None:
        """Keep the pin, or else see to what a lost member has left; attach anew when nothing is heard."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if not self._link.up:
                continue
            try:
                await self._tick()
            except MessagingError as error:
                _logger.warning("the consumer %s does not answer: %s", self._config.name, error)
                self._heard = 0.0

    async def _tick(self) -> None:
        if self._requested and _now() - self._heard > 3 * HEARTBEAT_SECONDS:
            await self._reattach()
        elif self._pin:
            await self._ask(f"{self._subject}.nobody", batch=1, no_wait=True)
        elif not self._stopping:
            await self._adopt()
        if self._gathering is not None:
            await self._gathered(self._gathering)

    async def _gathered(self, gathering: Gathering) -> None:
        """Go on once everything that was in hand of the last member has come, in the order of publication."""
        await gathering.extend()
        state = await consumer_state(self._link, self._stream, self._config.name)
        if self._gathering is gathering and len(gathering) >= state.num_ack_pending:
            self._gathering = None
            for delivery in gathering.in_order():
                await self._accept(delivery)

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
        priority_timeout=int(PIN_SECONDS * NANOSECONDS),
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
