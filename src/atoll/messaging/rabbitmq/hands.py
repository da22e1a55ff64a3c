"""The messages in the hands of one member of a group, from the broker's delivery to their settlement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from aiormq.abc import AbstractChannel

from atoll.messaging.port import Handler
from atoll.messaging.rabbitmq.delivery import Incoming, Offer, RabbitMQDelivery

FAILURE_PAUSE: Final = 1.0

_logger = logging.getLogger(__name__)


class Hands:
    """Runs `handler` as a task for each message, one at a time for each, and again after `retry`.

    A message whose handler has returned without settling it comes again after `hold` seconds without a sign of
    life. One that rests until its next attempt is given to `offer` first.
    """

    def __init__(self, handler: Handler, *, hold: float, offer: Offer) -> None:
        self._handler = handler
        self._hold = hold
        self._offer = offer
        self._held: set[Incoming] = set()
        self._stale: dict[str, Incoming] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def take(self, incoming: Incoming) -> None:
        """Take what the broker delivered. What is still at work here from a lost channel goes on under it."""
        stale = self._stale.pop(incoming.id, None)
        if stale is not None:
            stale.renew(incoming)
            self._held.add(stale)
        elif not self._stopping:
            self._held.add(incoming)
            self._start(incoming)

    def let_go(self, channel: AbstractChannel) -> None:
        """Forget what a channel that is lost has delivered; handlers that are at work end their work."""
        for incoming in [each for each in self._held if each.channel is channel]:
            incoming.live = False
            incoming.disarm()
            self._held.remove(incoming)
            if incoming.running and incoming.id:
                self._stale[incoming.id] = incoming

    async def empty(self) -> None:
        """Start no more handlers, and wait for those at work."""
        self._stopping = True
        for incoming in self._held:
            incoming.disarm()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def ack(self, incoming: Incoming) -> None:
        try:
            await incoming.ack()
        finally:
            self._drop(incoming)

    def retry(self, incoming: Incoming, after: float) -> None:
        if not incoming.live or self._stopping:
            return
        self._alarm(incoming, after, lambda: self._spawn(self._again(incoming)))

    def extend(self, incoming: Incoming) -> None:
        if incoming.alarm is not None:
            self._watch(incoming)

    def _start(self, incoming: Incoming) -> None:
        incoming.attempts += 1
        incoming.running = True
        self._spawn(self._run(incoming, RabbitMQDelivery(incoming, self)))

    async def _run(self, incoming: Incoming, delivery: RabbitMQDelivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            _logger.exception("a message handler failed; the message will be delivered again")
            await delivery.retry(FAILURE_PAUSE)
        incoming.running = False
        if not incoming.live:
            self._drop(incoming)
        elif not delivery.settled and not self._stopping:
            self._watch(incoming)

    async def _again(self, incoming: Incoming) -> None:
        if incoming.live and not self._stopping and not await self._offer(incoming) and incoming.live:
            self._start(incoming)

    def _watch(self, incoming: Incoming) -> None:
        self._alarm(incoming, self._hold, lambda: self._start(incoming))

    def _alarm(self, incoming: Incoming, after: float, then: Callable[[], None]) -> None:
        incoming.disarm()
        incoming.alarm = asyncio.get_running_loop().call_later(after, then)

    def _drop(self, incoming: Incoming) -> None:
        incoming.disarm()
        self._held.discard(incoming)
        if self._stale.get(incoming.id) is incoming:
            del self._stale[incoming.id]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
