"""The part of the suite on the inbox."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import pytest

from atoll.storage import Database, NotItsTurn
from atoll.testing.checks import DEADLINE, equal
from atoll.testing.database_suite.fixtures import DatabaseFixtures
from atoll.testing.database_suite.tables import count_up, insert, made, things


class InboxSuite(DatabaseFixtures):
    """A consumer knows what it has handled."""

    async def test_the_inbox_knows_a_repetition_per_consumer(self, db: Database) -> None:
        async with db.transaction():
            equal(await db.inbox.first_time("a", "1"), True)
            equal(await db.inbox.first_time("a", "1"), False)
            equal(await db.inbox.first_time("b", "1"), True)

    async def test_a_claimed_message_is_noted_once_the_transaction_opens(self, db: Database) -> None:
        async with db.transaction() as unit:
            db.inbox.claim("a", "1", "k")
            equal(unit.is_open, False)
        equal(await db.inbox.knows("a", "1"), False)
        async with db.transaction():
            db.inbox.claim("a", "1", "k")
            await insert(db, 1)
        equal(await db.inbox.knows("a", "1"), True)

    @pytest.mark.parametrize("key", ["", "k"])
    async def test_a_claim_on_a_known_message_does_nothing(self, db: Database, key: str) -> None:
        for number in (1, 2):
            with contextlib.suppress(NotItsTurn):
                async with db.transaction():
                    db.inbox.claim("a", "1", key)
                    await insert(db, number)
        equal(await things(db), [1])

    async def test_a_claim_behind_a_dead_letter_of_its_key_does_nothing(self, db: Database) -> None:
        async with db.transaction():
            await db.dead_letters.add(made(1), consumer="a", error="e", attempts=1)
        key = made(1).key
        for consumer, claimed in (("a", key), ("b", key), ("a", "other"), ("a", "")):
            with contextlib.suppress(NotItsTurn):
                async with db.transaction():
                    db.inbox.claim(consumer, f"{consumer}{claimed}", claimed)
                    await insert(db, len(f"{consumer}{claimed}"))
        equal(await db.inbox.knows("a", f"a{key}"), False)
        equal([await db.inbox.knows(*each) for each in (("b", f"b{key}"), ("a", "aother"), ("a", "a"))], [True] * 3)

    async def test_many_claims_on_two_replicas_have_each_effect_once(self, db: Database, other: Database) -> None:
        async def handle(replica: Database, message: str) -> None:
            replica.inbox.claim("shop", message, "k")
            await count_up(replica)

        async def once(replica: Database, message: str) -> None:
            with contextlib.suppress(NotItsTurn):
                await replica.atomic(partial(handle, replica, message))

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(once(each, f"m{number % 8}") for each in (db, other) for number in range(24)))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 8)

    async def test_what_the_inbox_forgets_is_the_oldest_in_bounds(self, db: Database) -> None:
        async with db.transaction():
            for number in range(5):
                await db.inbox.first_time("a", str(number))
        equal([await db.inbox.sweep(4e9, limit=3) for _ in range(3)], [3, 2, 0])
