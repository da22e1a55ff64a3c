"""Several processes on one database: who is killed or stopped is followed, and writes nothing when it wakes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from atoll.saga import SagaEngine
from atoll.storage.port import Statement
from tests.integration.saga.ahead import AheadClock
from tests.integration.saga.worker import Shop, engine_on

_EFFECTS = Statement("SELECT what FROM effects ORDER BY seq")
ROOT = Path(__file__).parents[3]
LEASE = 60.0
"""Long enough that none runs out by itself, however slow the machine is: the clocks are put forward."""


class Worker:
    """The process of `worker`, with the saga s1 at its gate."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def tells(self, text: str) -> str:
        """Return the next line with `text` in it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while text not in (line := (await self.process.stdout.readline()).decode()):
                assert line, "the worker has ended"
        return line

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def let_on(self) -> None:
        self._say("go")

    def put_forward(self, seconds: float) -> None:
        self._say(str(seconds))

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())


@asynccontextmanager
async def working(url: str) -> AsyncIterator[Worker]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.saga.worker",
        url,
        "shop/0",
        str(LEASE),
        "s1",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        worker = Worker(process)
        await worker.tells("at the gate")
        yield worker
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Survivor:
    """Another replica, in the process of the test, which nothing holds up."""

    def __init__(self, engine: SagaEngine, shop: Shop, clock: AheadClock) -> None:
        self.engine = engine
        self.shop = shop
        self.clock = clock

    async def status(self) -> str:
        row = await self.engine.journal.get("s1")
        assert row is not None
        return row.status

    async def lease_until(self) -> float:
        row = await self.engine.journal.get("s1")
        assert row is not None
        return row.lease_until

    async def sees_longer_lease(self, than: float) -> None:
        async with asyncio.timeout(20):
            while await self.lease_until() <= than:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def finishes(self) -> None:
        """Return when the saga is completed, which no lease is waited for."""
        async with asyncio.timeout(LEASE / 3):
            while await self.status() != "completed":  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def effects(self) -> list[str]:
        rows = await self.shop.db.engine.read(_EFFECTS)
        return [str(what) for (what,) in rows.rows]


@asynccontextmanager
async def surviving(url: str, owner: str = "shop/1") -> AsyncIterator[Survivor]:
    gate, clock = asyncio.Event(), AheadClock()
    gate.set()
    engine, shop = await engine_on(url, owner, LEASE, gate, clock)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(shop.db.close)
        stack.push_async_callback(engine.close)
        await engine.open()
        yield Survivor(engine, shop, clock)


async def test_a_stopped_worker_is_followed_within_two_leases_and_writes_nothing_when_it_wakes(url: str) -> None:
    async with working(url) as worker, surviving(url) as survivor:
        worker.send(signal.SIGSTOP)
        await survivor.clock.put_forward(LEASE * 2 / 3)
        assert await survivor.engine.claims.claimable() == []
        await survivor.clock.put_forward(LEASE * 4 / 3)
        await survivor.finishes()
        worker.let_on()
        worker.send(signal.SIGCONT)
        await worker.tells("saga s1 has been taken over by another worker")
        assert await survivor.effects() == ["first", "second"]
        steps = await survivor.engine.journal.steps("s1")
        assert [(step.name, step.outcome) for step in steps] == [(name, "done") for name in ("first", "gate", "second")]


async def test_a_killed_worker_is_followed_at_once_by_whoever_can_see_that_it_is_gone(url: str) -> None:
    async with working(url) as worker:
        worker.send(signal.SIGKILL)
        await worker.process.wait()
        async with surviving(url) as survivor:
            await survivor.finishes()
            assert await survivor.effects() == ["first", "second"]


@pytest.mark.parametrize("owner", ["shop/0", "shop/1"])
async def test_a_live_worker_keeps_its_saga_even_from_one_of_the_same_name(url: str, owner: str) -> None:
    async with working(url) as worker, surviving(url, owner) as survivor:
        for _ in range(6):
            before = await survivor.lease_until()
            worker.put_forward(LEASE / 3)
            await survivor.sees_longer_lease(than=before)
            await survivor.clock.put_forward(LEASE / 3)
            assert await survivor.engine.claims.claimable() == []
        worker.let_on()
        await survivor.finishes()
        row = await survivor.engine.journal.get("s1")
        assert row is not None
        assert row.epoch == 1
