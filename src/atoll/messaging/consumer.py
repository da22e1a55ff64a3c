"""The consumer of a service: each message handled effectively once, in order per key, never lost.

Source: https://microservices.io/patterns/communication-style/idempotent-consumer.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from atoll.contracts import Message
from atoll.core import Clock, Hooks
from atoll.core.context import use
from atoll.core.machine import chance
from atoll.messaging.case import Case, open_case, settle
from atoll.messaging.causation import caused_by
from atoll.messaging.errors import MessagingError, UndecodableMessage
from atoll.messaging.lanes import Lanes
from atoll.messaging.port import Delivery, MessageQueue, Subscription
from atoll.messaging.records import MessageHandled
from atoll.messaging.waiting import set_within
from atoll.resilience import RetryPolicy, full_jitter
from atoll.storage import Database

RETRY: Final = RetryPolicy(attempts=10, base=0.1, cap=30.0)
EXTEND_SECONDS: Final = 3.0
PARALLEL: Final = 16
PREFETCH: Final = 256

Handle = Callable[[Message], Awaitable[None]]
Outcome = Literal["handled", "duplicate", "retried", "dead"]

_logger = logging.getLogger(__name__)


class Consumer:
    """One member of the consumer group `group`, with a handler for each event type.

    A handler runs in a transaction that also notes the message in the inbox, so that a repeated delivery does
    not run it twice; the broker is told after the commit. Messages with the same key are handled one after the
    other, different keys side by side, at most `parallel` at once. A handler that raises is tried again in
    place, with backoff and full jitter, while only its own key waits; after `retry.attempts`, or at once when
    it raises UndecodableMessage, the message is kept with the dead letters of the database.
    Within a handler the context is that of the message (its trace, in a child span, and its request id), and
    `causation()` is the message's id.
    """

    def __init__(
        self,
        db: Database,
        queue: MessageQueue,
        group: str,
        handlers: Mapping[str, Handle],
        *,
        hooks: Hooks,
        clock: Clock,
        retry: RetryPolicy = RETRY,
        parallel: int = PARALLEL,
        random: Callable[[], float] = chance,
    ) -> None:
        self._db = db
        self._queue = queue
        self._group = group
        self._handlers = dict(handlers)
        self._hooks = hooks
        self._clock = clock
        self._retry = retry
        self._random = random
        self._slots = asyncio.Semaphore(parallel)
        self._lanes = Lanes()
        self._in_hand: dict[int, Delivery] = {}
        self._stopping = asyncio.Event()
        self._subscription: Subscription | None = None
        self._extending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take messages. Without handlers it does nothing."""
        if self._handlers and self._subscription is None:
            self._stopping.clear()
            types = sorted(self._handlers)
            self._subscription = await self._queue.subscribe(self._group, types, self._take, prefetch=PREFETCH)
            self._extending = asyncio.get_running_loop().create_task(self._extend(), name="extend-deliveries")

    async def stop(self) -> None:
        """Let running handlers end, give back the other messages in hand, take no more. Idempotent."""
        self._stopping.set()
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            await subscription.stop()
        if self._extending is not None:
            self._extending.cancel()
            await asyncio.wait([self._extending])

    async def _take(self, delivery: Delivery) -> None:
        """See one delivery through; the queue starts this in the order of the messages.

        A type that nobody here handles is left to other members for some time, as while versions change.
        """
        case = open_case(delivery, self._handlers, began=self._clock.monotonic())
        if case.unknown and delivery.attempt < self._retry.attempts:
            await settle(delivery, again_after=self._pause_after(delivery.attempt))
            return
        with self._holding(delivery):
            async with self._lanes.turn(case.message.key):
                done = await self._see_through(case)
            await settle(delivery, again_after=None if done else 0.0)

    async def _see_through(self, case: Case) -> bool:
        """Try until the message is handled or dead; False when stopping comes first."""
        while not self._stopping.is_set():
            async with self._slots:
                if self._stopping.is_set():
                    break
                error = case.defect or await self._attempt(case)
            if error is None:
                return True
            if case.attempts >= self._retry.attempts or isinstance(error, UndecodableMessage):
                return await self._bury(case, error)
            self._told(case, "retried")
            await set_within(self._stopping, self._pause_after(case.attempts), self._clock)
        return False

    async def _attempt(self, case: Case) -> Exception | None:
        case.begin(self._clock.monotonic())
        message = case.message
        try:
            with use(case.context), caused_by(message.id):
                first = await self._handle(message)
        except Exception as error:  # noqa: BLE001 - logged, and the caller decides
            _logger.warning("attempt %d at %s %s failed: %r", case.attempts, message.type, message.id, error)
            return error
        self._told(case, "handled" if first else "duplicate")
        return None

    async def _handle(self, message: Message) -> bool:
        """Run the handler in its transaction; False when the message had been handled before."""

        async def work() -> bool:
            if not await self._db.inbox.first_time(self._group, message.id):
                return False
            await self._handlers[message.type](message)
            return True

        return await self._db.atomic(work)

    async def _bury(self, case: Case, error: Exception) -> bool:
        """Keep the message with the dead letters, for as long as that takes; False when stopping comes first."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._keep(case, error)
            except Exception:
                failures += 1
                _logger.exception("message %s cannot be put with the dead letters yet", case.message.id)
                await set_within(self._stopping, self._pause_after(failures), self._clock)
            else:
                _logger.error("%s %s is a dead letter now", case.message.type, case.message.id, exc_info=error)
                self._told(case, "dead")
                return True
        return False

    async def _keep(self, case: Case, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"

        async def work() -> None:
            if await self._db.inbox.first_time(self._group, case.message.id):
                await self._db.dead_letters.add(
                    case.message, consumer=self._group, error=reason, attempts=case.attempts
                )

        await self._db.atomic(work)

    @contextmanager
    def _holding(self, delivery: Delivery) -> Generator[None]:
        self._in_hand[id(delivery)] = delivery
        try:
            yield
        finally:
            del self._in_hand[id(delivery)]

    async def _extend(self) -> None:
        """Keep the broker from delivering to another what is in hand here, be it at work or waiting."""
        while True:
            await self._clock.sleep(EXTEND_SECONDS)
            for delivery in list(self._in_hand.values()):
                try:
                    await delivery.extend()
                except MessagingError as error:
                    _logger.debug("a delivery could not be extended: %s", error)

    def _pause_after(self, attempt: int) -> float:
        return full_jitter(self._retry, attempt, self._random)

    def _told(self, case: Case, outcome: Outcome) -> None:
        record = MessageHandled(
            type=case.message.type,
            consumer=self._group,
            outcome=outcome,
            seconds=self._clock.monotonic() - case.began,
            attempts=case.attempts,
            trace=case.context.trace,
        )
        self._hooks.emit(record)
