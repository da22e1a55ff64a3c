"""Periodic work is done by one replica at a time, and kept in the service's database, on both engines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
import pytest

from atoll.service.service import Service
from atoll.service.timers import Timers
from atoll.storage import Database
from atoll.storage.timers import LEASE_SECONDS, Timer, TimerLost
from atoll.storage.unit_of_work import in_transaction
from tests.integration.service.periodic import HOUR, TABLE, Caching, Clock, Reminding

ROOT = Path(__file__).parents[3]


class Reminder(msgspec.Struct, frozen=True):
    replica: int


class Replicas:
    """The replicas of one service, on one database and by one clock."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url, self.clock, self._stack = url, Clock(), stack
        self._seeing: Database | None = None

    async def open(self) -> Database:
        db = await Database.open(self.url)
        self._stack.push_async_callback(db.close)
        await db.engine.script(TABLE)
        return db

    def run(self, service: Service, db: Database) -> Timers:
        timers = Timers(service, db, self.clock)
        timers.start()
        self._stack.push_async_callback(timers.stop)
        return timers

    async def begin(self, number: int) -> Reminding:
        """Start a replica and wait until it rests."""
        db, resting = await self.open(), self.clock.sleepers
        service = Reminding(db, number)
        self.run(service, db)
        await self.clock.asleep(resting + 1)
        return service

    async def reminded(self) -> list[int]:
        """Return which replicas have reminded, in order."""
        if self._seeing is None:
            self._seeing = await self.open()
        rows = await self._seeing.fetch_all(Reminder, "SELECT replica FROM reminders ORDER BY seq")
        return [each.replica for each in rows]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the replicas' database is."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/reminding.db"
    return str(request.getfixturevalue("postgres_schema"))


@pytest.fixture
async def replicas(url: str) -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        yield Replicas(url, stack)


async def within(work: Awaitable[object]) -> None:
    async with asyncio.timeout(20):
        await work


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await check():  # noqa: ASYNC110 - the change is in a database
            await asyncio.sleep(0.01)


async def test_the_first_run_comes_a_period_after_the_first_start(replicas: Replicas) -> None:
    service = await replicas.begin(1)
    await replicas.clock.advance(HOUR - 1)
    assert not service.reached.is_set()
    await replicas.clock.advance(1)
    await within(service.reached.wait())


async def test_replicas_do_it_once_a_period(replicas: Replicas) -> None:
    await replicas.begin(1)
    await replicas.begin(2)
    for periods in range(1, 4):
        await replicas.clock.advance(HOUR)
        await until(lambda periods=periods: _counts(replicas, periods))
        await replicas.clock.advance(1)  # whoever was too late looks again
        await replicas.clock.asleep(2)
    assert len(await replicas.reminded()) == 3


async def _counts(replicas: Replicas, expected: int) -> bool:
    return len(await replicas.reminded()) >= expected


async def test_what_was_due_while_nobody_ran_is_done_once_at_the_start(replicas: Replicas) -> None:
    db = await replicas.open()
    timers = replicas.run(Reminding(db, 1), db)
    await replicas.clock.asleep(1)
    await timers.stop()
    await replicas.clock.advance(5 * HOUR)
    await replicas.begin(2)
    await until(lambda: _counts(replicas, 1))
    assert await replicas.reminded() == [2]


async def test_a_run_that_raises_is_undone_and_the_next_one_comes_a_period_later(
    replicas: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    service = await replicas.begin(1)
    service.failure = RuntimeError("no paper")
    await replicas.clock.advance(HOUR)
    await until(lambda: _said(caplog, "the timer remind failed"))
    service.failure = None
    service.reached.clear()
    await replicas.clock.asleep(1)
    await replicas.clock.advance(HOUR - 1)
    await replicas.clock.asleep(1)
    assert not service.reached.is_set()
    await replicas.clock.advance(1)
    await until(lambda: _counts(replicas, 1))


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def test_a_run_that_was_killed_is_made_up_for_by_another_replica(replicas: Replicas) -> None:
    await replicas.begin(1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.service.periodic", replicas.url),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"begun\n"
    finally:
        process.kill()
        await process.wait()
    assert await replicas.reminded() == []
    await replicas.clock.advance(2 * HOUR + LEASE_SECONDS + 1)
    await until(lambda: _counts(replicas, 1))
    assert await replicas.reminded() == [1]


async def test_work_for_everywhere_is_done_in_each_replica(replicas: Replicas) -> None:
    db, services = await replicas.open(), [Caching(), Caching()]
    for each in services:
        replicas.run(each, db)
    await replicas.clock.asleep(2)
    await replicas.clock.advance(HOUR)
    await until(lambda: _looked(services))


async def _looked(services: list[Caching]) -> bool:
    return all(each.looked == 1 for each in services)


async def test_on_postgresql_nobody_waits_for_a_run_that_takes_long(postgres_schema: str) -> None:
    async with AsyncExitStack() as stack:
        replicas = Replicas(postgres_schema, stack)
        slow = await replicas.begin(1)
        slow.go_on.clear()
        await replicas.clock.advance(HOUR)
        await within(slow.reached.wait())
        await replicas.begin(2)  # rests, though the work is due
        slow.go_on.set()
        await until(lambda: _counts(replicas, 1))
        assert await replicas.reminded() == [1]


async def test_on_postgresql_nobody_goes_round_while_a_run_holds_the_row_for_longer_than_its_lease(
    postgres_schema: str,
) -> None:
    async with AsyncExitStack() as stack:
        replicas = Replicas(postgres_schema, stack)
        slow = await replicas.begin(1)
        slow.go_on.clear()
        await replicas.clock.advance(HOUR)
        await within(slow.reached.wait())
        await replicas.clock.advance(2 * LEASE_SECONDS)
        other = await replicas.open()
        replicas.run(Reminding(other, 2), other)
        await replicas.clock.asleep(2)  # the one that would prolong the lease, and the other replica
        slow.go_on.set()
        await until(lambda: _counts(replicas, 1))


async def test_on_postgresql_two_kinds_of_work_run_side_by_side(postgres_schema: str) -> None:
    async with AsyncExitStack() as stack:
        replicas, runs = Replicas(postgres_schema, stack), 0
        db, both = await replicas.open(), asyncio.Barrier(2)
        timers = [Timer(db, replicas.clock, name, HOUR) for name in ("one", "other")]
        assert [await each.left() for each in timers] == [HOUR, HOUR]
        await replicas.clock.advance(HOUR)
        await db.engine.script("ANALYZE atoll_timers")  # as autovacuum does; a table of one page is then read whole

        async def work() -> None:
            nonlocal runs
            runs += 1
            await both.wait()

        await within(asyncio.gather(*(each.run(work) for each in timers)))
        assert runs == 2


@pytest.fixture
async def due(replicas: Replicas) -> tuple[Timer, Timer]:
    """The same work in two replicas, due now."""
    one, other = [Timer(await replicas.open(), replicas.clock, "tidy", HOUR) for _ in range(2)]
    assert (await one.left(), await other.left()) == (HOUR, HOUR)
    await replicas.clock.advance(HOUR)
    return one, other


async def test_work_that_stores_nothing_is_done_once_too(due: tuple[Timer, Timer]) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    for timer in due:
        assert await timer.left() == (HOUR if runs else 0.0)
        await timer.run(work)
    assert runs == 1


async def test_work_may_call_others_before_it_stores_anything(due: tuple[Timer, Timer]) -> None:
    async def work() -> None:
        assert not in_transaction()

    await due[0].run(work)


async def test_nobody_else_begins_what_takes_longer_than_a_lease(due: tuple[Timer, Timer], replicas: Replicas) -> None:
    begun, go_on, runs = asyncio.Event(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        begun.set()
        await go_on.wait()

    running = asyncio.create_task(due[0].run(work))
    await within(begun.wait())
    for _ in range(9):
        await replicas.clock.asleep(1)
        await within(due[1].run(work))  # though it has not looked whether somebody is at it
        before = await due[1].left()
        await replicas.clock.advance(LEASE_SECONDS / 3)
        await until(partial(_longer, due[1], before - 1))
    go_on.set()
    await running
    assert (runs, await due[1].left()) == (1, pytest.approx(HOUR))


async def _longer(timer: Timer, seconds: float) -> bool:
    return await timer.left() > seconds


@pytest.mark.usefixtures("due")
async def test_what_was_taken_over_writes_nothing(replicas: Replicas) -> None:
    db = await replicas.open()
    late = Timer(db, replicas.clock, "tidy", HOUR)

    async def stalls() -> None:
        await db.engine.script("UPDATE atoll_timers SET epoch = epoch + 1")
        await db.execute("INSERT INTO reminders (replica) VALUES (1)")

    with pytest.raises(TimerLost):
        await late.run(stalls)
    assert await replicas.reminded() == []


async def test_work_that_is_called_off_may_be_done_by_another_at_once(due: tuple[Timer, Timer]) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(due[0].run(work))
    await within(begun.wait())
    running.cancel()
    await asyncio.wait([running])
    assert await due[1].left() == 0.0
