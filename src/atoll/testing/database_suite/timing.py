"""Points at which a test of the suite acts while other work waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


class Pause:
    """A point in some work where the test may act while the work waits."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.go_on.wait()


async def ticks(count: int) -> None:
    """Let the loop turn, so that other tasks come a little further, each time to another place."""
    for _ in range(count):
        await asyncio.sleep(0)


async def not_done_yet(task: asyncio.Task[Any]) -> None:
    """Fail when `task` ends within a moment."""
    done, _ = await asyncio.wait([task], timeout=0.2)
    if done:
        pytest.fail(f"it did not wait, but ended: {task}")
