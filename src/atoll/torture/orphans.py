"""The open sagas of a replica that is gone: how long until another takes each over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from atoll.system import ProcessState
from atoll.torture.injury import Injury

T = TypeVar("T")

LOOK_SECONDS: Final = 0.1
PERIODS: Final = 2
"""A survivor has so many lease periods to take over what a dead replica has left."""

Ask = Callable[[str], Awaitable[bytes | None]]


class Orphans:
    """Looks after the sagas that `victim` leaves, by asking the other replicas.

    `ask` returns what any of those answers to GET of a path, None when none of them does. Times are counted from
    `injury.began`.
    """

    def __init__(self, system: str, victim: ProcessState, injury: Injury, ask: Ask) -> None:
        self._owner = f"{system}/{victim.name}/{victim.instance}"
        self._injury = injury
        self._ask = ask
        self._open: set[str] = set()

    async def find(self) -> None:
        """Note what the victim works on: before it dies, because others may take that over before they are asked."""
        for saga in await self._asked("/_atoll/sagas", list[_Saga]) or ():
            if saga.owner == self._owner and saga.ended_at is None:
                self._open.add(saga.id)

    async def watch(self, *, least: float, most: float) -> None:
        """Return when others have taken over all, after at least `least` and at most `most` seconds."""
        await self.find()
        while (passed := self._passed()) < most and (self._open or passed < least):
            for saga_id in list(self._open):
                await self._look_at(saga_id)
            await asyncio.sleep(LOOK_SECONDS)
        self._injury.orphans = len(self._open) + len(self._injury.resumed)

    async def _look_at(self, saga_id: str) -> None:
        found = await self._asked(f"/_atoll/sagas/{saga_id}", _History)
        if found is None:
            return
        if found.saga.owner != self._owner:
            self._injury.resumed.append(self._passed())
            self._open.discard(saga_id)
        elif found.saga.ended_at is not None:  # by the victim, before it died
            self._open.discard(saga_id)

    def _passed(self) -> float:
        return time.monotonic() - self._injury.began

    async def _asked(self, path: str, kind: type[T]) -> T | None:
        body = await self._ask(path)
        return None if body is None else msgspec.json.decode(body, type=kind)


class _Saga(msgspec.Struct):
    id: str
    owner: str
    ended_at: float | None = None


class _History(msgspec.Struct):
    saga: _Saga
