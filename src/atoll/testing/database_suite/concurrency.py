"""The part of the suite on units of work side by side."""

from __future__ import annotations

import asyncio

import pytest

from atoll.core.clock import SystemClock
from atoll.core.context import new_context, use
from atoll.storage import Database, TransactionConflict
from atoll.storage.database import CONFLICTS
from atoll.testing.checks import DEADLINE, equal
from atoll.testing.database_suite.fixtures import DatabaseFixtures
from atoll.testing.database_suite.tables import count_up, insert, things


class HastyClock(SystemClock):
    """Pauses between runs take no time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class ConcurrencySuite(DatabaseFixtures):
    """Replicas that work at the same time do not undo each other's work."""

    async def test_no_update_is_lost_between_replicas(self, db: Database, other: Database) -> None:
        async def one(replica: Database) -> None:
            await replica.atomic(lambda: count_up(replica))

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(one(each) for each in (db, other) for _ in range(20)))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 40)

    async def test_two_that_each_read_what_the_other_writes_do_not_both_pass(
        self, db: Database, other: Database
    ) -> None:
        async def withdraw(replica: Database, name: str) -> None:
            taken = int(await replica.fetch_value("SELECT sum(value) FROM counters WHERE name IN ('left', 'right')"))
            await asyncio.sleep(0.01)
            if taken == 0:
                await replica.execute("UPDATE counters SET value = value + 1 WHERE name = $1", name)

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(
                db.atomic(lambda: withdraw(db, "left")), other.atomic(lambda: withdraw(other, "right"))
            )
        equal(await db.fetch_value("SELECT sum(value) FROM counters"), 1)

    async def test_work_that_conflicts_is_run_again_from_its_start(self, db: Database) -> None:
        attempts: list[int] = []

        async def work() -> str:
            attempts.append(len(attempts))
            await insert(db, 1)
            if len(attempts) < 3:
                raise TransactionConflict("as if another had been faster")
            return "done"

        equal((await db.atomic(work), attempts, await things(db)), ("done", [0, 1, 2], [1]))

    async def test_work_within_a_unit_of_work_leaves_a_conflict_to_the_outer_one(self, db: Database) -> None:
        attempts: list[int] = []

        async def work() -> None:
            attempts.append(1)
            raise TransactionConflict("as if another had been faster")

        with pytest.raises(TransactionConflict):
            async with db.transaction():
                await db.atomic(work)
        equal(len(attempts), 1)

    async def test_work_that_always_conflicts_is_told_at_the_deadline(self, db: Database) -> None:
        runs: list[float] = []

        async def work() -> None:
            runs.append(context.remaining() or 0.0)
            raise TransactionConflict("as if another had been faster")

        context = new_context(timeout=1.0)
        with use(context), pytest.raises(TransactionConflict):
            await db.atomic(work)
        equal((len(runs) > 1, min(runs) > 0.0), (True, True))

    async def test_work_is_not_run_again_once_the_deadline_has_passed(self, db: Database) -> None:
        runs: list[int] = []

        async def work() -> None:
            runs.append(1)
            while context.remaining() != 0.0:  # noqa: ASYNC110 - a deadline tells nobody
                await asyncio.sleep(0)  # no pause: the loop's own time may be virtual, this deadline's is not
            raise TransactionConflict("as if another had been faster")

        context = new_context(timeout=0.01)
        with use(context), pytest.raises(TransactionConflict):
            await db.atomic(work)
        equal(runs, [1])

    async def test_work_that_always_conflicts_without_a_deadline_is_told_in_the_end(self, db: Database) -> None:
        runs: list[int] = []

        async def work() -> None:
            runs.append(1)
            raise TransactionConflict("as if another had been faster")

        hasty = await Database.over(db.engine, clock=HastyClock())
        with pytest.raises(TransactionConflict):
            await hasty.atomic(work)
        equal(len(runs), CONFLICTS + 1)

    async def test_relaxed_work_never_conflicts(self, db: Database, other: Database) -> None:
        async def one(replica: Database) -> None:
            async with replica.transaction("read committed"):
                await replica.execute("UPDATE counters SET value = value + 1 WHERE name = 'n'")

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(one(each) for each in (db, other) for _ in range(20)))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 40)
