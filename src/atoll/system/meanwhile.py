"""Several parts of a start at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def at_once(*works: Coroutine[object, object, None]) -> None:
    """Return when all of `works` are done. Raises the first error of any of them, after the others were cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in works:
                group.create_task(each)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
