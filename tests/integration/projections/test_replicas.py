"""Several processes on one database: who is killed or stopped is followed, and writes nothing when it wakes."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from atoll.core.clock import SystemClock
from atoll.eventstore import EventStore, Position, new_event
from atoll.projections import ProjectionBehind, ProjectionEngine
from atoll.projections.books import Books
from atoll.storage import Database
from tests.integration.projections.worker import Counted, Counts, Seen
from tests.integration.worker_process import WorkerProcess, working

LEASE = 1.5
LONG = 60.0


def worker_on(url: str, *, lease: float, halt_at: int = 0) -> AbstractAsyncContextManager[WorkerProcess]:
    return working("tests.integration.projections.worker", url, "test/0", lease, halt_at)


class Here:
    """The process of the test: it writes, looks, and can be another replica."""

    def __init__(self, db: Database, store: EventStore, stack: AsyncExitStack) -> None:
        self.db = db
        self.store = store
        self._stack = stack

    async def append(self, *numbers: int) -> Position:
        appended = await self.store.append("s", [new_event(Counted(number=each)) for each in numbers])
        return appended.position

    async def project(self, *, lease: float, owner: str = "test/1") -> Counts:
        view = Counts()
        engine = ProjectionEngine(self.db, self.store, [view], owner=owner, lease_seconds=lease)
        self._stack.push_async_callback(engine.stop)
        await engine.start()
        return view

    async def counts(self) -> list[int]:
        rows = await self.db.fetch_all(_Number, "SELECT number FROM counts ORDER BY number")
        return [each.number for each in rows]

    async def emitted(self) -> list[int]:
        rows = await self.db.fetch_all(_Emitted, "SELECT message FROM atoll_outbox ORDER BY seq")
        return [msgspec.json.decode(each.message.data, type=Seen).number for each in rows]


class _Number(msgspec.Struct):
    number: int


class _Data(msgspec.Struct):
    data: bytes


class _Emitted(msgspec.Struct):
    message: _Data


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_schema: str) -> str:
    return f"sqlite:///{tmp_path}/service.db" if request.param == "sqlite" else postgres_schema


@pytest.fixture
async def here(url: str) -> AsyncIterator[Here]:
    async with AsyncExitStack() as stack:
        yield await opened(url, stack)


async def opened(url: str, stack: AsyncExitStack) -> Here:
    db = await Database.open(url)
    stack.push_async_callback(db.close)
    store = await EventStore.over(db)
    stack.push_async_callback(store.close)
    return Here(db, store, stack)


async def test_a_worker_that_is_killed_in_a_batch_leaves_nothing_doubled_and_nothing_out(here: Here, url: str) -> None:
    await here.append(*range(1, 11))
    async with worker_on(url, lease=LONG, halt_at=15) as worker:
        await worker.tells("started")
        await here.append(*range(11, 21))
        await worker.tells("at 15")
        await worker.dies()
    view = await here.project(lease=LONG, owner="test/0")
    await view.wait_for(await here.append(21), timeout=20)
    assert await here.counts() == list(range(1, 22))
    assert await here.emitted() == list(range(11, 22))


async def test_a_survivor_goes_on_within_two_leases(here: Here, url: str) -> None:
    async with worker_on(url, lease=LEASE) as worker:
        await worker.tells("started")
        view = await here.project(lease=LEASE)
        await view.wait_for(await here.append(1), timeout=20)
        began = time.monotonic()
        await worker.dies()
        await view.wait_for(await here.append(2), timeout=20)
        assert time.monotonic() - began <= 2 * LEASE
    assert await here.counts() == [1, 2]


async def test_a_worker_that_was_stopped_writes_nothing_when_it_wakes(here: Here, url: str) -> None:
    async with worker_on(url, lease=LEASE) as worker:
        await worker.tells("started")
        await here.append(1)
        while await here.counts() != [1]:  # noqa: ASYNC110 - the worker does that
            await asyncio.sleep(0.01)
        worker.send(signal.SIGSTOP)
        began = time.monotonic()
        view = await here.project(lease=LEASE)
        await view.wait_for(await here.append(2), timeout=20)
        assert time.monotonic() - began <= 2 * LEASE
        worker.send(signal.SIGCONT)
        await worker.tells("was taken over")
        await view.wait_for(await here.append(3), timeout=20)
    assert await here.counts() == [1, 2, 3]
    assert await here.emitted() == [1, 2, 3]


async def test_a_worker_that_is_stopped_in_a_transaction_is_thrown_out_by_postgresql(postgres_schema: str) -> None:
    async with AsyncExitStack() as stack:
        here = await opened(postgres_schema, stack)
        async with worker_on(postgres_schema, lease=LEASE, halt_at=2) as worker:
            await worker.tells("started")
            position = await here.append(1, 2)
            await worker.tells("at 2")
            worker.send(signal.SIGSTOP)
            began = time.monotonic()
            view = await here.project(lease=LEASE)
            await view.wait_for(position, timeout=20)
            assert time.monotonic() - began <= 2 * LEASE + 0.5
            worker.say("")
            worker.send(signal.SIGCONT)
            await worker.tells("was taken over")
        assert await here.counts() == [1, 2]
        assert await here.emitted() == [1, 2]


async def test_a_writer_that_holds_the_feed_back_makes_no_view_skip_an_event(postgres_schema: str) -> None:
    async with AsyncExitStack() as stack:
        slow, quick = [await opened(f"{postgres_schema}&pool=3", stack) for _ in range(2)]
        view = await quick.project(lease=LONG)
        async with slow.db.transaction("read committed"):
            await slow.append(1)
            position = (await quick.store.append("quick", [new_event(Counted(number=2))])).position
            with pytest.raises(ProjectionBehind):
                await view.wait_for(position, timeout=0.3)
            assert await quick.counts() == []
        await view.wait_for(position, timeout=20)
        assert await quick.counts() == [1, 2]


async def test_a_claim_that_waits_for_a_pause_is_refused(postgres_schema: str) -> None:
    async with AsyncExitStack() as stack:
        one, other = [await opened(f"{postgres_schema}&pool=3", stack) for _ in range(2)]
        books = [Books(each.db, SystemClock(), owner="test/0", lease_seconds=LONG) for each in (one, other)]
        engine = ProjectionEngine(one.db, one.store, [Counts()], owner="test/0")
        await engine.start()
        await engine.stop()
        async with one.db.transaction("read committed"):
            await books[0].pause("counts", paused=True)
            claiming = asyncio.create_task(books[1].claim("counts", 1, 0, again=True))
            done, _ = await asyncio.wait({claiming}, timeout=0.2)
            assert not done
        assert await claiming is None
