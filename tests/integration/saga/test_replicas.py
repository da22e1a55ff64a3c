"""Several processes on one database: who is killed or stopped is followed, and writes nothing when it wakes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from atoll.saga import SagaEngine
from atoll.storage.port import Statement
from tests.integration.saga.ahead import AheadClock
from tests.integration.saga.worker import Shop, engine_on
from tests.integration.worker_process import WorkerProcess, working

_EFFECTS = Statement("SELECT what FROM effects ORDER BY seq")
LEASE = 60.0
"""Long enough that none runs out by itself, however slow the machine is: the clocks are put forward."""


@asynccontextmanager
async def worker_on(url: str) -> AsyncIterator[WorkerProcess]:
    """Run `worker` with the saga s1, and let the test on when that is at its gate."""
    async with working("tests.integration.saga.worker", url, "shop/0", LEASE, "s1") as worker:
        await worker.tells("at the gate")
        yield worker


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
    async with worker_on(url) as worker, surviving(url) as survivor:
        worker.send(signal.SIGSTOP)
        await survivor.clock.put_forward(LEASE * 2 / 3)
        assert await survivor.engine.claims.claimable() == []
        await survivor.clock.put_forward(LEASE * 4 / 3)
        await survivor.finishes()
        worker.say("go")
        worker.send(signal.SIGCONT)
        await worker.tells("saga s1 has been taken over by another worker")
        assert await survivor.effects() == ["first", "second"]
        steps = await survivor.engine.journal.steps("s1")
        assert [(step.name, step.outcome) for step in steps] == [(name, "done") for name in ("first", "gate", "second")]


async def test_a_killed_worker_is_followed_at_once_by_whoever_can_see_that_it_is_gone(url: str) -> None:
    async with worker_on(url) as worker:
        await worker.dies()
        async with surviving(url) as survivor:
            await survivor.finishes()
            assert await survivor.effects() == ["first", "second"]


@pytest.mark.parametrize("owner", ["shop/0", "shop/1"])
async def test_a_live_worker_keeps_its_saga_even_from_one_of_the_same_name(url: str, owner: str) -> None:
    async with worker_on(url) as worker, surviving(url, owner) as survivor:
        for _ in range(6):
            before = await survivor.lease_until()
            worker.say(str(LEASE / 3))  # it puts its clock forward by that
            await survivor.sees_longer_lease(than=before)
            await survivor.clock.put_forward(LEASE / 3)
            assert await survivor.engine.claims.claimable() == []
        worker.say("go")
        await survivor.finishes()
        row = await survivor.engine.journal.get("s1")
        assert row is not None
        assert row.epoch == 1
