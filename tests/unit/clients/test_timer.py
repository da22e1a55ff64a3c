from __future__ import annotations

import asyncio

import pytest

from atoll.clients import CallTimedOut
from atoll.clients.transport.timer import Timer


async def test_a_watched_future_fails_when_the_time_is_over() -> None:
    future: asyncio.Future[int] = asyncio.Future()
    with pytest.raises(CallTimedOut, match=r"no answer from a:1 within 0\.01 s"):
        await Timer(0.01, "a:1").watch(future)


async def test_the_time_goes_on_from_one_future_to_the_next() -> None:
    timer, first, second = Timer(0.01, "a:1"), asyncio.Future[int](), asyncio.Future[int]()
    first.set_result(1)
    assert await timer.watch(first) == 1
    with pytest.raises(CallTimedOut):
        await timer.watch(second)
    with pytest.raises(CallTimedOut):
        timer.check()


async def test_a_cancelled_timer_fails_nothing() -> None:
    timer, future, later = Timer(0.0001, "a:1"), asyncio.Future[int](), asyncio.Future[None]()
    _ = timer.watch(future)
    timer.cancel()
    asyncio.get_running_loop().call_later(0.01, later.set_result, None)
    await later
    assert not future.done()


@pytest.mark.parametrize("seconds", [0.0, -5.0])
async def test_no_time_is_over_at_once(seconds: float) -> None:
    timer = Timer(seconds, "a:1")
    with pytest.raises(CallTimedOut, match="within 0 s"):
        timer.check()
    timer.cancel()
