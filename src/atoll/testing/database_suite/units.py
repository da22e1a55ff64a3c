"""The part of the suite on the unit of work."""

from __future__ import annotations

import asyncio

import pytest

from atoll.core.hooks import Hooks
from atoll.storage import ConstraintViolated, Database, NoUnitOfWork, StatementFailed, in_transaction
from atoll.storage.records import TransactionFinished
from atoll.testing.checks import equal
from atoll.testing.database_suite.fixtures import Connect, DatabaseFixtures, Replicas
from atoll.testing.database_suite.tables import insert, made, things


class UnitOfWorkSuite(DatabaseFixtures):
    """All of a unit of work happens or none of it, and what was committed stays."""

    async def test_an_error_in_the_block_undoes_everything(self, db: Database) -> None:
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                await insert(db, 1)
                db.outbox.add(made(1))
                raise ValueError("no")
        equal(await things(db), list[int]())
        equal(await db.outbox.count(), 0)

    async def test_a_nested_block_joins_the_outer_one(self, db: Database) -> None:
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                async with db.transaction():
                    await insert(db, 1)
                raise ValueError("no")
        equal(await things(db), list[int]())

    async def test_a_write_outside_of_a_unit_of_work_is_refused(self, db: Database) -> None:
        with pytest.raises(NoUnitOfWork, match="needs a unit of work"):
            await insert(db, 1)

    async def test_a_read_outside_of_a_unit_of_work_cannot_write(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="read-?only"):
            await db.fetch_value("INSERT INTO things (id) VALUES (1) RETURNING id")
        equal(await things(db), list[int]())

    async def test_a_unit_of_work_sees_what_it_wrote_and_others_do_not(self, db: Database, other: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
            equal((await things(db), await things(other)), ([1], list[int]()))
        equal(await things(other), [1])

    async def test_a_unit_of_work_without_statements_opens_no_transaction(self, db: Database) -> None:
        async with db.transaction() as unit:
            equal((unit.is_open, in_transaction()), (False, False))

    async def test_in_transaction_is_true_from_the_first_statement_to_the_end(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
            equal(in_transaction(), True)
        equal(in_transaction(), False)

    async def test_after_a_statement_that_failed_only_the_end_is_left(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="earlier statement") as raised:
            async with db.transaction():
                await insert(db, 1)
                with pytest.raises(ConstraintViolated):
                    await insert(db, 1)
                await insert(db, 2)
        equal(isinstance(raised.value.__cause__, ConstraintViolated), True)
        equal(await things(db), list[int]())

    async def test_a_failure_that_was_caught_keeps_the_block_from_committing(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="earlier statement"):
            async with db.transaction():
                await insert(db, 1)
                with pytest.raises(ConstraintViolated):
                    await insert(db, 1)
        equal(await things(db), list[int]())

    async def test_a_unit_of_work_cannot_be_ended_by_a_statement(self, db: Database) -> None:
        for sql in (
            "COMMIT",
            "  rollback;",
            "END TRANSACTION",
            "begin",
            "/* x */ COMMIT",
            "-- x\nROLLBACK",
            "SELECT 1; COMMIT; BEGIN",
        ):
            with pytest.raises(StatementFailed, match="no statement for a unit of work"):
                async with db.transaction():
                    await insert(db, 1)
                    await db.execute(sql)
        equal(await things(db), list[int]())

    async def test_a_unit_of_work_may_have_savepoints(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
            await db.execute("SAVEPOINT here")
            await insert(db, 2)
            await db.execute("ROLLBACK TO SAVEPOINT here")
            await db.execute("RELEASE SAVEPOINT here")
            await insert(db, 3)
        equal(await things(db), [1, 3])

    async def test_a_deferred_statement_that_fails_undoes_everything(self, db: Database) -> None:
        with pytest.raises(ConstraintViolated):
            async with db.transaction() as unit:
                await insert(db, 1)
                unit.defer("INSERT INTO things (id) VALUES ($1)", 1)
        equal(await things(db), list[int]())

    async def test_statements_given_side_by_side_are_one_transaction(self, db: Database) -> None:
        async with db.transaction():
            await asyncio.gather(*(insert(db, number) for number in range(20)))
        equal(await things(db), list(range(20)))

    async def test_a_task_begun_within_does_not_write_into_the_finished_unit_of_work(self, db: Database) -> None:
        go = asyncio.Event()

        async def later() -> None:
            await go.wait()
            await insert(db, 2)

        async with db.transaction():
            await insert(db, 1)
            task = asyncio.create_task(later())
        go.set()
        with pytest.raises(NoUnitOfWork):
            await task

    async def test_calls_after_the_commit_run_outside_of_the_unit_of_work(self, db: Database) -> None:
        seen: list[bool] = []
        async with db.transaction() as unit:
            await insert(db, 1)
            unit.after_commit(lambda: seen.append(in_transaction()))
        equal(seen, [False])

    async def test_observers_hear_how_a_transaction_ended(self, replicas: Replicas) -> None:
        hooks, heard = Hooks(), list[str]()
        hooks.on(TransactionFinished, lambda record: heard.append(record.outcome))
        db = await replicas.open(hooks)
        async with db.transaction():
            await db.inbox.first_time("a", "1")
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                await db.inbox.first_time("a", "2")
                raise ValueError("no")
        equal(heard, ["committed", "rolled_back"])

    async def test_what_was_committed_is_there_after_opening_again(self, db: Database, connect: Connect) -> None:
        async with db.transaction():
            await insert(db, 1)
            db.outbox.add(made(1))
        await db.close()
        again = await connect()
        equal((await things(again), await again.outbox.count()), ([1], 1))
        await again.close()

    async def test_closing_twice_is_harmless(self, connect: Connect) -> None:
        db = await connect()
        await db.close()
        await db.close()
