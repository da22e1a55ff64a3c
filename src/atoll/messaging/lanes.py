"""Turns by key: one after the other within a key, in the order they asked; keys never wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Lanes:
    """Hands out turns. A lane exists only while somebody is in it or waits."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncGenerator[None]:
        """Hold the turn of `key` within the block; an empty key never waits.

        The place in the lane is taken when the block is entered, before anything is awaited.
        """
        if not key:
            yield
            return
        lane = self._lanes.setdefault(key, _Lane())
        lane.entered += 1
        try:
            async with lane.lock:
                yield
        finally:
            lane.entered -= 1
            if not lane.entered:
                del self._lanes[key]

    def __len__(self) -> int:
        return len(self._lanes)


class _Lane:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.entered = 0
