"""The part of the suite on stored replies and dead letters."""

from __future__ import annotations

import pytest

from atoll.storage import Database, KeyTaken, StoredReply, in_transaction
from atoll.testing.checks import equal
from atoll.testing.database_suite.fixtures import DatabaseFixtures
from atoll.testing.database_suite.tables import insert, made, things


class ReplySuite(DatabaseFixtures):
    """A reply is kept with the work that it answers, a dead letter until it is seen to."""

    async def test_a_stored_reply_is_found_after_the_commit(self, db: Database) -> None:
        reply = StoredReply(fingerprint="f", status=201, body=b"\x00{}")
        async with db.transaction():
            db.replies.save("k", reply)
        equal((await db.replies.find("k"), await db.replies.find("other")), (reply, None))

    async def test_a_claimed_key_holds_the_reply_that_is_saved_under_it(self, db: Database) -> None:
        reply = StoredReply(fingerprint="f", status=201, body=b"{}")
        async with db.transaction():
            db.replies.claim("k", "f")
            db.replies.save("k", reply)
        equal(await db.replies.find("k"), reply)
        with pytest.raises(KeyTaken):
            async with db.transaction():
                db.replies.claim("k", "f")
                await insert(db, 1)
        equal(await things(db), list[int]())

    async def test_a_claimed_key_opens_no_transaction_by_itself(self, db: Database) -> None:
        async with db.transaction() as unit:
            db.replies.claim("k", "f")
            equal((unit.is_open, in_transaction()), (False, False))

    async def test_old_replies_are_swept_in_bounds(self, db: Database) -> None:
        async with db.transaction():
            for number in range(5):
                db.replies.save(f"k{number}", StoredReply(fingerprint="f", status=200, body=b""))
        equal([await db.replies.sweep(4e9, limit=3) for _ in range(3)], [3, 2, 0])

    async def test_a_dead_letter_is_kept_whole_and_its_latest_error_wins(self, db: Database) -> None:
        message = made(7)
        for error, attempts in (("first", 10), ("second", 11)):
            async with db.transaction():
                await db.dead_letters.add(message, consumer="c", error=error, attempts=attempts)
        (letter,) = await db.dead_letters.list()
        equal((letter.message, letter.consumer, letter.error, letter.attempts), (message, "c", "second", 11))
