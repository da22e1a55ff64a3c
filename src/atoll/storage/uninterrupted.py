"""Work that ends before a cancellation is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end even when cancelled meanwhile; the cancellation is raised afterwards.

    What `work` raises comes first.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001 - raised again by result() below
            break
    task.result()
    if cancelled is not None:
        raise cancelled
