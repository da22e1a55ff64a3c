from __future__ import annotations

import asyncio

import pytest

from atoll.system.errors import StartFailed
from atoll.system.meanwhile import at_once


async def test_all_is_done_at_the_same_time() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def meet(mine: asyncio.Event, other: asyncio.Event) -> None:
        mine.set()
        await other.wait()

    await at_once(meet(first, second), meet(second, first))


async def test_the_error_of_one_ends_the_others_and_is_raised_as_it_is() -> None:
    ended: list[str] = []

    async def lasts() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("the other")

    async def fails() -> None:
        raise StartFailed("no")

    with pytest.raises(StartFailed, match="^no$"):
        await at_once(lasts(), fails())
    assert ended == ["the other"]
