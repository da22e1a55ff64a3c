from __future__ import annotations

import asyncio

import pytest

from atoll.messaging.nats.cancellation import cancellable


async def swallow(failure: Exception | None = None) -> int:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if failure is not None:
            raise failure from None
    return 1


async def cancelled(task: asyncio.Task[int]) -> bool:
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


@pytest.mark.parametrize("failure", [None, OSError("refused")])
async def test_a_swallowed_cancellation_is_raised_all_the_same(failure: Exception | None) -> None:
    assert await cancelled(asyncio.ensure_future(cancellable(swallow(failure))))


async def test_what_was_not_cancelled_gives_its_result() -> None:
    assert await cancellable(asyncio.sleep(0, result=5)) == 5


async def test_work_in_a_task_that_is_ending_already_is_done() -> None:
    async def clean_up() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            assert await cancellable(asyncio.sleep(0, result=5)) == 5
        return 0

    assert await cancelled(asyncio.ensure_future(clean_up()))
