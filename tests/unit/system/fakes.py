"""What stands in for a clock, an engine and a gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

from atoll.gateway import EnvoyFailed
from atoll.gateway.render import Endpoints


class Clock:
    """Stands still, and remembers how long it was asked to sleep."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class FakeEngine:
    """Runs until `end` is called; fails to start as often as `refusals` says."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.starts = 0
        self.stops = 0
        self.refusals = refusals
        self.log = Path("engine.log")
        self.started = asyncio.Event()
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        return 1000 + self.starts

    @property
    def url(self) -> str:
        return "tcp://127.0.0.1:4000"

    async def start(self) -> None:
        if self.starts and self.refusals:
            self.refusals -= 1
            raise EnvoyFailed("no")
        self.starts += 1
        self._ended = asyncio.get_running_loop().create_future()
        self.started.set()

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    async def stop(self) -> None:
        self.stops += 1

    def end(self, code: int) -> None:
        self.started.clear()
        self._ended.set_result(code)


class FakeRouter:
    """Takes endpoints; fails as often as `refusals` says."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.refusals = refusals
        self.applied: asyncio.Queue[dict[str, list[str]]] = asyncio.Queue()

    async def apply(self, endpoints: Endpoints) -> None:
        if self.refusals:
            self.refusals -= 1
            raise EnvoyFailed("no")
        self.applied.put_nowait({name: [each.id for each in found] for name, found in endpoints.items()})
