"""The part of the suite on commands and messages that come twice at the same time."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from atoll.storage import Database, KeyTaken, StoredReply
from atoll.testing.checks import DEADLINE, equal, until
from atoll.testing.database_suite.fixtures import DatabaseFixtures
from atoll.testing.database_suite.tables import count_up
from atoll.testing.database_suite.timing import Pause, not_done_yet


class DuplicateSuite(DatabaseFixtures):
    """Of two that are the same, wherever they run, one has its effect."""

    async def test_of_two_replicas_with_one_key_the_second_waits_and_finds_the_reply(
        self, db: Database, other: Database
    ) -> None:
        pause, runs = Pause(), list[str]()
        first = asyncio.create_task(db.atomic(lambda: answer_once(db, runs, pause)))
        await pause.reached.wait()
        second = asyncio.create_task(other.atomic(lambda: answer_once(other, runs, pause)))
        await not_done_yet(second)
        pause.go_on.set()
        with pytest.raises(KeyTaken):
            await second
        stored = await other.replies.find("k")
        equal((await first, stored and stored.body, len(runs)), (b"1", b"1", 1))

    async def test_a_key_is_free_again_when_its_holder_is_undone(self, db: Database, other: Database) -> None:
        pause, runs = Pause(), list[str]()
        first = asyncio.create_task(db.atomic(lambda: answer_once(db, runs, pause)))
        await pause.reached.wait()
        second = asyncio.create_task(other.atomic(lambda: answer_once(other, runs, Pause())))
        first.cancel()
        await until(lambda: len(runs) == 2)
        second.cancel()
        await asyncio.wait([first, second])
        equal(await db.replies.find("k"), None)

    async def test_of_two_replicas_with_one_message_the_second_waits_and_does_nothing(
        self, db: Database, other: Database
    ) -> None:
        pause = Pause()

        async def handle(replica: Database) -> bool:
            if not await replica.inbox.first_time("shop", "m1"):
                return False
            await pause()
            await count_up(replica)
            return True

        first = asyncio.create_task(db.atomic(lambda: handle(db)))
        await pause.reached.wait()
        second = asyncio.create_task(other.atomic(lambda: handle(other)))
        await not_done_yet(second)
        pause.go_on.set()
        equal((await first, await second), (True, False))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 1)

    async def test_many_duplicates_on_two_replicas_run_once_each(self, db: Database, other: Database) -> None:
        async def handle(replica: Database, message: str) -> None:
            if await replica.inbox.first_time("shop", message):
                await count_up(replica)

        work = [(each, f"m{number % 8}") for each in (db, other) for number in range(24)]
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(each.atomic(partial(handle, each, message)) for each, message in work))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 8)


async def answer_once(db: Database, runs: list[str], pause: Pause) -> bytes:
    """What a service does with a command under a key; the answer says how often it was run."""
    db.replies.claim("k", "f")
    await db.execute("UPDATE counters SET value = value + 1 WHERE name = 'n'")
    runs.append("run")
    await pause()
    body = str(len(runs)).encode()
    db.replies.save("k", StoredReply(fingerprint="f", status=200, body=body))
    return body
