"""Following a service by blocking queries, by the rules that Consul gives its clients.

Source: https://developer.hashicorp.com/consul/api-docs/features/blocking
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from atoll.core.clock import Clock
from atoll.discovery.consul.wire import Answer
from atoll.discovery.errors import RegistryClosed, RegistryError
from atoll.discovery.port import Instance
from atoll.resilience import RetryPolicy, full_jitter

BACKOFF: Final = RetryPolicy(base=0.1, cap=5.0)

_logger = logging.getLogger(__name__)


def next_index(asked: int, answered: int) -> int:
    """Return the index to wait from after an answer: anew when it went back, and never one that does not block."""
    return 0 if answered < asked else max(1, answered)


class Pace:
    """Lets answers come as fast as they will until they churn, then so many a second (a token bucket)."""

    def __init__(self, now: float, *, burst: int = 10, per_second: float = 2.0) -> None:
        self._left = float(burst)
        self._burst = burst
        self._per_second = per_second
        self._last = now

    def delay(self, now: float) -> float:
        """Take note of a query at `now` and return the seconds to wait before it."""
        self._left = min(self._burst, self._left + (now - self._last) * self._per_second) - 1
        self._last = now
        return max(0.0, -self._left / self._per_second)


class Contact:
    """Logs once that the registry is away, and once that it is back, however many watches notice."""

    def __init__(self) -> None:
        self._away = False

    def lost(self, error: RegistryError) -> None:
        """A watch got no answer."""
        if not self._away:
            _logger.warning("keeping the registry's last answers: %s", error)
        self._away = True

    def found(self) -> None:
        """A watch got an answer."""
        if self._away:
            _logger.info("the registry answers again")
        self._away = False


class Watch:
    """The changes of one service. While the registry is unreachable there are none: the last answer stands."""

    def __init__(
        self,
        ask: Callable[[int], Awaitable[Answer]],
        *,
        contact: Contact,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._contact = contact
        self._clock = clock
        self._random = random
        self._pace = Pace(clock.monotonic())
        self._index = 0
        self._failures = 0

    async def changes(self) -> AsyncIterator[Sequence[Instance]]:
        """Yield the instances now and whenever they are others; ends only when the registry is closed."""
        last: Sequence[Instance] | None = None
        while True:
            try:
                answer = await self._answer()
            except RegistryClosed:
                return
            except RegistryError as error:
                await self._recover(error)
            else:
                if answer.instances != last:
                    last = answer.instances
                    yield last

    async def _answer(self) -> Answer:
        if delay := self._pace.delay(self._clock.monotonic()):
            await self._clock.sleep(delay)
        answer = await self._ask(self._index)
        self._index = next_index(self._index, answer.index)
        self._failures = 0
        self._contact.found()
        return answer

    async def _recover(self, error: RegistryError) -> None:
        """Wait a while, then ask anew without an index: whoever answers then may count from elsewhere."""
        self._contact.lost(error)
        self._failures += 1
        self._index = 0
        await self._clock.sleep(full_jitter(BACKOFF, self._failures, self._random))
