"""Cancellation that arrives: nats-py swallows one here and there, and asyncio.wait_for did before Python 3.12."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def cancellable(work: Awaitable[T]) -> T:
    """Await `work`; when the task was cancelled meanwhile, raise that, whatever `work` made of it."""
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        return await work
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
