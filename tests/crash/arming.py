"""Having this process kill itself where it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Final

from atoll.core.crashing import POINTS

WITH_TIME: Final = frozenset({"saga_lease.renewed"})
"""Points that are come to when something has taken long enough."""

_armed: set[str] = set()


def arm(where: str) -> None:
    """Die when `point` is reached, or when it is reached the nth time for `point:n`."""
    name, _, time = where.partition(":")
    _armed.add(name)
    POINTS[name].arm(_dying(int(time or 1)))


def _dying(left: int) -> Callable[[], None]:
    def reach() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach


async def take_time() -> None:
    """Take for ever where this process dies of it."""
    if _armed & WITH_TIME:
        await asyncio.Event().wait()
