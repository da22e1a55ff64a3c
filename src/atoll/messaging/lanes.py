"""Turns by key: one after the other within a key, in the order they asked; keys never wait for each other."""

from __future__ import annotations

import asyncio
from collections import deque


class Lanes:
    """Hands out turns. A lane exists only while somebody is in it or waits."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[asyncio.Future[None]]] = {}

    def turn(self, key: str) -> Turn:
        """Hold the turn of `key` within an `async with` block; an empty key never waits.

        The place in the lane is taken when the block is entered, before anything is awaited.
        """
        return Turn(self._lanes, key)

    def __len__(self) -> int:
        return len(self._lanes)


class Turn:
    """One place in a lane. Each message takes one, so it is a class: `asynccontextmanager` costs five times more."""

    __slots__ = ("_key", "_lanes")

    def __init__(self, lanes: dict[str, deque[asyncio.Future[None]]], key: str) -> None:
        self._lanes = lanes
        self._key = key

    async def __aenter__(self) -> None:
        if not self._key:
            return
        if (waiting := self._lanes.get(self._key)) is None:
            self._lanes[self._key] = deque()
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(place)
        try:
            await place
        except BaseException:
            if place in waiting:
                waiting.remove(place)
            else:
                self._pass_on()
            raise

    async def __aexit__(self, *_: object) -> None:
        if self._key:
            self._pass_on()

    def _pass_on(self) -> None:
        waiting = self._lanes[self._key]
        while waiting:
            place = waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        del self._lanes[self._key]
