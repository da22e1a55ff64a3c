"""Starting while an engine is away for a moment: wait for it rather than die and be started again ever later."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from atoll.core.clock import Clock
from atoll.core.errors import AtollError
from atoll.core.machine import chance
from atoll.resilience import RetryPolicy, full_jitter

T = TypeVar("T")

WAIT_SECONDS: Final = 15.0
PAUSE: Final = RetryPolicy(base=0.1, cap=1.0)

_logger = logging.getLogger(__name__)


async def patiently(
    work: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    seconds: float = WAIT_SECONDS,
    hopeless: asyncio.Event | None = None,
) -> T:
    """Return what `work` returns, doing it again for `seconds` while it raises what may pass.

    Raises its last error when it still does then, and at once an error that is not retryable. Once `hopeless` is set
    there is no use in waiting any longer.
    """
    until = clock.monotonic() + seconds
    for attempt in itertools.count(1):
        try:
            return await work()
        except AtollError as error:
            if not error.retryable or clock.monotonic() >= until or (hopeless is not None and hopeless.is_set()):
                raise
            _logger.warning("waiting to start: %s", error)
        await clock.sleep(full_jitter(PAUSE, attempt, chance))
    raise AssertionError("unreachable: the loop has no end")
