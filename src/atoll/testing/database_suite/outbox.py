"""The part of the suite on the outbox."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from atoll.storage import ConstraintViolated, Database
from atoll.testing.checks import DEADLINE, equal
from atoll.testing.database_suite.fixtures import DatabaseFixtures
from atoll.testing.database_suite.tables import ThingMade, count_up, made
from atoll.testing.database_suite.timing import Pause


class OutboxSuite(DatabaseFixtures):
    """What a unit of work emits waits in order, until it is confirmed."""

    async def test_messages_wait_in_the_outbox_in_the_order_of_their_emission(self, db: Database) -> None:
        async with db.transaction():
            for number in range(3):
                db.outbox.add(made(number))
        equal((db.outbox.committed.is_set(), await outbox(db)), (True, [0, 1, 2]))

    async def test_messages_of_units_that_wrote_one_row_wait_in_the_order_of_their_commits(
        self, db: Database, other: Database
    ) -> None:
        async def work(replica: Database) -> None:
            replica.outbox.add(made(await count_up(replica)))

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(each.atomic(partial(work, each)) for each in (db, other) for _ in range(20)))
        equal(await outbox(db), list(range(1, 41)))

    async def test_a_message_committed_late_is_not_passed_over(self, db: Database, other: Database) -> None:
        pause = Pause()

        async def slow() -> None:
            async with other.transaction() as unit:
                other.outbox.add(made(1))
                await unit.execute("UPDATE counters SET value = 1 WHERE name = 'right'")
                await pause()

        if db.engine.dialect.name == "sqlite":  # one writer: nothing can be committed while another is at work
            pause.go_on.set()
        task = asyncio.create_task(slow())
        await pause.reached.wait()
        async with db.transaction("read committed"):
            db.outbox.add(made(2))
        await confirm(db, [row.seq for row in await db.outbox.pending()])
        pause.go_on.set()
        await task
        await confirm(db, [row.seq for row in await db.outbox.pending()])
        equal(await db.outbox.count(), 0)
        equal(await db.outbox.sweep(before=4e9), 2)

    async def test_a_confirmed_message_is_not_pending_and_is_swept_later(self, db: Database) -> None:
        async with db.transaction():
            for number in range(3):
                db.outbox.add(made(number))
        await confirm(db, [row.seq for row in (await db.outbox.pending())[:2]])
        equal((await outbox(db), await db.outbox.count()), ([2], 1))
        equal((await db.outbox.sweep(before=0.0), await db.outbox.sweep(before=4e9)), (0, 2))

    async def test_the_same_message_cannot_be_added_twice(self, db: Database) -> None:
        message = made(1)
        with pytest.raises(ConstraintViolated):
            async with db.transaction():
                db.outbox.add(message)
                db.outbox.add(message)
        equal(await db.outbox.count(), 0)


async def outbox(db: Database) -> list[int]:
    """Return what waits in the outbox."""
    return [row.message.decode(ThingMade).id for row in await db.outbox.pending()]


async def confirm(db: Database, seqs: list[int]) -> None:
    """Note that these are published, as the relay of a replica does."""
    lease = db.outbox.lease(owner="suite")
    await lease.keep()
    await lease.confirm(seqs)
