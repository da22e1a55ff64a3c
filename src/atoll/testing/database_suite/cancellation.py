"""The part of the suite on work that is cancelled."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from atoll.storage import ConstraintViolated, Database
from atoll.testing.checks import DEADLINE, equal
from atoll.testing.database_suite.fixtures import DatabaseFixtures
from atoll.testing.database_suite.tables import ThingMade, insert, made, things
from atoll.testing.database_suite.timing import Pause, ticks


class CancellationSuite(DatabaseFixtures):
    """Whoever is cancelled leaves no transaction, lock or connection behind."""

    async def test_a_cancelled_unit_of_work_is_undone_and_the_next_one_gets_its_turn(self, db: Database) -> None:
        pause = Pause()

        async def hang() -> None:
            async with db.transaction():
                await insert(db, 1)
                await pause()

        task = asyncio.create_task(hang())
        await pause.reached.wait()
        task.cancel()
        async with db.transaction():
            await insert(db, 2)
        equal(await things(db), [2])

    async def test_units_of_work_cancelled_anywhere_leave_no_transaction_open(self, db: Database) -> None:
        async def one(number: int) -> None:
            async with db.transaction():
                await insert(db, number)
                db.outbox.add(made(number))

        for steps in range(30):
            tasks = [asyncio.create_task(one(steps * 10 + each)) for each in range(10)]
            await ticks(steps)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(db.atomic(partial(insert, db, number)) for number in range(1000, 1020)))
        messages = [row.message.decode(ThingMade).id for row in await db.outbox.pending(1000)]
        equal(sorted(messages), [each for each in await things(db) if each < 1000])

    async def test_a_cancelled_read_leaves_the_connection_fit_for_the_next(self, db: Database) -> None:
        for steps in range(20):
            tasks = [asyncio.create_task(db.fetch_value("SELECT count(*) FROM things")) for _ in range(10)]
            await ticks(steps)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(DEADLINE):
            equal(await asyncio.gather(*(db.fetch_value("SELECT count(*) FROM things") for _ in range(20))), [0] * 20)

    async def test_a_commit_is_not_interrupted_and_its_calls_are_made(self, db: Database) -> None:
        called: list[int] = []

        async def work(number: int) -> None:
            async with db.transaction() as unit:
                await insert(db, number)
                unit.after_commit(lambda: called.append(number))
                asyncio.get_running_loop().call_soon(tasks[number].cancel)

        tasks = [asyncio.create_task(work(number)) for number in range(5)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        equal([type(each) for each in results], [asyncio.CancelledError] * 5)
        equal((sorted(called), await things(db)), ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]))

    async def test_one_that_waits_for_another_can_be_cancelled(self, db: Database, other: Database) -> None:
        async def again() -> None:
            async with db.transaction():
                await insert(db, 1)

        async with other.transaction():
            await insert(other, 1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await again()
        with pytest.raises(ConstraintViolated):
            await again()
