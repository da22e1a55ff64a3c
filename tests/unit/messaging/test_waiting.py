from __future__ import annotations

import asyncio

from atoll.core import SystemClock
from atoll.messaging.waiting import set_within
from tests.unit.messaging.fakes import VirtualClock


async def test_an_event_that_is_set_is_not_waited_for() -> None:
    event = asyncio.Event()
    event.set()
    assert await set_within(event, 1000.0, VirtualClock())


async def test_no_time_at_all_only_looks() -> None:
    assert not await set_within(asyncio.Event(), 0.0, VirtualClock())


async def test_the_wait_ends_when_the_event_is_set() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await set_within(event, 1000.0, SystemClock())


async def test_the_wait_ends_when_the_time_is_up() -> None:
    clock, event = VirtualClock(), asyncio.Event()
    waiting = asyncio.ensure_future(set_within(event, 5.0, clock))
    await clock.someone_sleeps_until(1005.0)
    clock.advance(5.0)
    assert not await waiting
