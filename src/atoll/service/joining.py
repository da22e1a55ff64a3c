"""How a service comes to its broker, at once or later. Requests do not wait for it: the outbox keeps their events."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Final

from atoll.core.clock import Clock
from atoll.core.errors import AtollError
from atoll.core.machine import chance
from atoll.messaging import BrokerUnavailable, Consumer
from atoll.messaging.late import LateQueue
from atoll.resilience import RetryPolicy, full_jitter

PAUSE: Final = RetryPolicy(base=0.1, cap=2.0)

_logger = logging.getLogger(__name__)


class Joining:
    """Connects `queue` and starts `consumer`, in the background for as long as the broker is away."""

    def __init__(
        self, queue: LateQueue, consumer: Consumer, *, clock: Clock, random: Callable[[], float] = chance
    ) -> None:
        self._queue = queue
        self._consumer = consumer
        self._clock = clock
        self._random = random
        self._trouble = ""
        self._error: Exception | None = None
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take messages from now on, or else once the broker is there. Raises what waiting does not mend."""
        if not self._queue.trouble:  # else the start would wait for an answer that may take seconds
            try:
                return await self._consumer.start()
            except AtollError as error:
                if not error.retryable:
                    raise
                self._trouble = str(error)
                _logger.warning("messages are taken later: %s", error)
        self._task = asyncio.get_running_loop().create_task(self._join(), name="join-broker")
        return None

    async def stop(self) -> None:
        """Join no more, and stop the consumer. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._consumer.stop()

    async def check(self) -> None:
        """Raise BrokerUnavailable, telling why, while messages cannot go both ways."""
        if trouble := self._trouble or self._queue.trouble:
            raise BrokerUnavailable(trouble)

    async def failed(self) -> Exception:
        """Wait until the broker has turned out to be one that waiting does not mend; return why."""
        while self._error is None:
            await self._ended.wait()
        return self._error

    async def _join(self) -> None:
        for attempt in itertools.count(1):
            await self._clock.sleep(full_jitter(PAUSE, attempt, self._random))
            try:
                await self._queue.connect()
                await self._consumer.start()
            except Exception as error:  # noqa: BLE001 - logged, and decides as it does at a start
                self._trouble = str(error) or repr(error)
                if not isinstance(error, AtollError) or not error.retryable:
                    return self._fail(error)
                _logger.debug("the broker is still away: %s", error)
            else:
                self._trouble = ""
                _logger.info("the broker is there now; messages are sent and taken")
                return None
        raise AssertionError("unreachable: the loop has no end")

    def _fail(self, error: Exception) -> None:
        unexpected = None if isinstance(error, AtollError) else error
        _logger.error("the broker that came cannot be used: %s", self._trouble, exc_info=unexpected)
        self._error = error
        self._ended.set()
