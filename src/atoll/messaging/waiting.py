"""Waiting for something that may come sooner than the time is up."""

from __future__ import annotations

import asyncio

from atoll.core import Clock


async def set_within(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Wait until `event` is set, but no longer than `seconds`; tell whether it is."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    return event.is_set()
