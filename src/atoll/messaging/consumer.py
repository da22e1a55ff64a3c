"""The consumer of a service: each message handled effectively once, in order per key, never lost.

Source: https://microservices.io/patterns/communication-style/idempotent-consumer.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, Literal

from atoll.core import Clock, Hooks
from atoll.core.context import set_current
from atoll.core.crashing import crash_point
from atoll.core.machine import chance
from atoll.messaging.case import Case, open_case, settle
from atoll.messaging.causation import set_cause
from atoll.messaging.errors import MessagingError, UndecodableMessage
from atoll.messaging.handling import Handle, Handling
from atoll.messaging.lanes import Lanes
from atoll.messaging.port import Delivery, MessageQueue, Subscription
from atoll.messaging.records import MessageHandled
from atoll.messaging.replay import Replay
from atoll.messaging.sweeping import KEEP_SECONDS, InboxSweep
from atoll.messaging.waiting import set_within
from atoll.resilience import RetryPolicy, full_jitter
from atoll.storage import CommitUnknown, ConnectionLost, Database, DiskFailed, TransactionConflict

RETRY: Final = RetryPolicy(attempts=10, base=0.1, cap=30.0)
EXTEND_SECONDS: Final = 3.0
PARALLEL: Final = 16
PREFETCH: Final = 256

LULL_SECONDS: Final = 1.0
"""After so long without a message another member may have been the active one, and have had dead letters."""

_TAKEN: Final = crash_point("consume.taken")
_ACKED: Final = crash_point("consume.acked")

_PASSING: Final = (ConnectionLost, CommitUnknown, DiskFailed, TransactionConflict)
"""Errors that say nothing about the message: it is tried until the database is well again."""

_logger = logging.getLogger(__name__)


class Consumer:
    """One member of the consumer group `group`, with a handler for each event type.

    A handler runs in a unit of work. As soon as it opens its transaction that also notes the message in the inbox,
    so that a repeated delivery has no second effect in the database; the broker is told after the commit. A handler
    that uses the database for nothing leaves no note, and what it does elsewhere may be done again when the broker
    repeats itself. Messages with the same key are handled one after the other, different keys side by side, at most
    `parallel` at once.

    A handler that raises is tried again in place, with backoff and full jitter, while only its own key waits; after
    `retry.attempts`, or at once when it raises UndecodableMessage, the message is kept with the dead letters of the
    database. Later messages with its key go behind it, until `dead_letters` has replayed or discarded it. The inbox
    forgets after `keep` seconds; see InboxSweep.

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
        keep: float = KEEP_SECONDS,
        random: Callable[[], float] = chance,
    ) -> None:
        self._queue = queue
        self._group = group
        self._handlers = dict(handlers)
        self._hooks = hooks
        self._clock = clock
        self._retry = retry
        self._random = random
        self._slots = asyncio.Semaphore(parallel)
        self._lanes = Lanes()
        self._handling = Handling(db, group, self._handlers)
        self._sweep = InboxSweep(db, clock, keep=keep)
        self._in_hand: dict[Delivery, None] = {}  # in the order they came, which a set would not keep
        self._stopping = asyncio.Event()
        self._learning = asyncio.Lock()
        self._knows = False
        self._latest = 0.0
        self._subscription: Subscription | None = None
        self._background: list[asyncio.Task[None]] = []
        self.dead_letters = Replay(db, group, self._handling, self._lanes, clock=clock, told=hooks.emit)

    async def start(self) -> None:
        """Begin to take messages. Without handlers it does nothing."""
        if self._handlers and self._subscription is None:
            self._stopping.clear()
            types = sorted(self._handlers)
            self._subscription = await self._queue.subscribe(self._group, types, self._take, prefetch=PREFETCH)
            loop = asyncio.get_running_loop()
            self._background = [
                loop.create_task(self._extend(), name="extend-deliveries"),
                loop.create_task(self._sweep.run(), name="sweep-inbox"),
            ]

    async def stop(self) -> None:
        """Let running handlers end, give back the other messages in hand, take no more. Idempotent."""
        self._stopping.set()
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            await subscription.stop()
        background, self._background = self._background, []
        for task in background:
            task.cancel()
        if background:
            await asyncio.wait(background)

    async def _take(self, delivery: Delivery) -> None:
        """See one delivery through; the queue starts this in the order of the messages.

        A type that nobody here handles is left to other members for some time, as while versions change.
        """
        _TAKEN.reached()
        now = self._clock.monotonic()
        if now - self._latest >= LULL_SECONDS:
            self._knows = False
        self._latest = now
        case = open_case(delivery, self._handlers, began=now)
        if case.unknown and delivery.attempt < self._retry.attempts:
            await settle(delivery, again_after=self._pause_after(delivery.attempt))
            return
        self._in_hand[delivery] = None
        try:
            async with self._lanes.turn(case.message.key):
                done = await self._see_through(case)
            await settle(delivery, again_after=None if done else 0.0)
            _ACKED.reached()
        finally:
            del self._in_hand[delivery]

    async def _see_through(self, case: Case) -> bool:
        """Try until the message is handled or dead; False when stopping comes first."""
        while not self._stopping.is_set():
            async with self._slots:
                if self._stopping.is_set():
                    break
                error = case.defect or await self._attempt(case)
            if error is None:
                return True
            if self._hopeless(case, error):
                return await self._bury(case, error)
            self._told(case, "retried")
            await set_within(self._stopping, self._pause_after(case.attempts), self._clock)
        return False

    async def _attempt(self, case: Case) -> Exception | None:
        case.begin(self._clock.monotonic())
        message = case.message
        try:
            if not self._knows:
                await self._learn()
            set_current(case.context)  # of this task, which is the message's own
            set_cause(message.id)
            fate = await self._handling.handle(message, repeated=case.repeated)
        except Exception as error:  # noqa: BLE001 - logged, and the caller decides
            _logger.warning("attempt %d at %s %s failed: %r", case.attempts, message.type, message.id, error)
            return error
        if fate == "dead":
            _logger.warning("%s %s goes behind a dead letter with its key", message.type, message.id)
        self._told(case, fate)
        return None

    async def _learn(self) -> None:
        """Learn which keys have dead letters, before the first message after a lull is handled."""
        async with self._learning:
            if not self._knows:
                await self._handling.refresh()
                self._knows = True

    def _hopeless(self, case: Case, error: Exception) -> bool:
        if isinstance(error, _PASSING):
            return False
        return case.attempts >= self._retry.attempts or isinstance(error, UndecodableMessage)

    async def _bury(self, case: Case, error: Exception) -> bool:
        """Keep the message with the dead letters, for as long as that takes; False when stopping comes first."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._handling.bury(case.message, error, attempts=case.attempts)
            except Exception:
                failures += 1
                _logger.exception("message %s cannot be put with the dead letters yet", case.message.id)
                await set_within(self._stopping, self._pause_after(failures), self._clock)
            else:
                _logger.error("%s %s is a dead letter now", case.message.type, case.message.id, exc_info=error)
                self._told(case, "dead")
                return True
        return False

    async def _extend(self) -> None:
        """Keep the broker from delivering to another what is in hand here, be it at work or waiting."""
        while True:
            await self._clock.sleep(EXTEND_SECONDS)
            for delivery in list(self._in_hand):
                try:
                    await delivery.extend()
                except MessagingError as error:
                    _logger.debug("a delivery could not be extended: %s", error)

    def _pause_after(self, attempt: int) -> float:
        return full_jitter(self._retry, attempt, self._random)

    def _told(self, case: Case, outcome: Literal["handled", "duplicate", "retried", "dead"]) -> None:
        if not self._hooks.wants(MessageHandled):
            return
        record = MessageHandled(
            type=case.message.type,
            consumer=self._group,
            outcome=outcome,
            seconds=self._clock.monotonic() - case.began,
            attempts=case.attempts,
            trace=case.context.trace,
        )
        self._hooks.emit(record)
