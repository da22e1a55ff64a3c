"""Waiting for what must become true, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psutil

T = TypeVar("T")

DEADLINE = 20.0


async def eventually(look: Callable[[], Awaitable[T] | T], *, deadline: float = DEADLINE) -> T:
    """Look until what is seen is true, and return it; fail with what was seen last."""
    until = time.monotonic() + deadline
    while True:
        seen = look()
        value = await seen if isinstance(seen, Awaitable) else seen
        if value:
            return value
        assert time.monotonic() < until, f"{look} still gave {value!r} after {deadline} s"
        await asyncio.sleep(0.02)


def wait_for(look: Callable[[], T], *, deadline: float = DEADLINE) -> T:
    """`eventually` where there is no loop."""
    until = time.monotonic() + deadline
    while not (value := look()):
        assert time.monotonic() < until, f"{look} still gave {value!r} after {deadline} s"
        time.sleep(0.02)
    return value


def gone(pid: int) -> bool:
    """Tell whether no process has this pid, or only one that waits to be reaped by a parent of ours."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
