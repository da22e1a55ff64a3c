"""A tail that runs while eight writers commit in any order misses nothing; one by a sequence does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from atoll.eventstore import EventStore, NewEvent
from atoll.storage import Database

WRITERS = 8
TRANSACTIONS = 25
SECONDS = 60.0

NUMBERED = "ALTER TABLE atoll_events ADD COLUMN sequence BIGINT GENERATED ALWAYS AS IDENTITY"
"""What a store usually orders its events by."""


@pytest.fixture
async def writers(postgres_schema: str) -> AsyncIterator[list[tuple[Database, EventStore]]]:
    """Stores with connections of their own, as eight processes have them."""
    async with AsyncExitStack() as stack:
        opened: list[tuple[Database, EventStore]] = []
        for _ in range(WRITERS):
            db = await Database.open(f"{postgres_schema}&pool=2")
            stack.push_async_callback(db.close)
            store = await EventStore.over(db)
            stack.push_async_callback(store.close)
            opened.append((db, store))
        yield opened


async def write(number: int, db: Database, store: EventStore) -> list[str]:
    """Append, in units of work that take their time to commit and in quick appends between; return the ids."""
    chance, written = random.Random(number), list[str]()
    for _ in range(TRANSACTIONS):
        events = [NewEvent(type="happened") for _ in range(chance.randint(1, 3))]
        if chance.random() < 0.7:
            async with db.transaction("read committed"):
                await store.append(f"s{number}", events)
                for _ in range(chance.randint(0, 6)):
                    await db.fetch_value("SELECT 1")
        else:
            await store.append(f"q{number}", events)
        written += [each.id for each in events]
    return written


async def tail(store: EventStore, last: asyncio.Event) -> list[str]:
    """Follow the feed until it has the event that was written when all others were."""
    found: list[str] = []
    async for batch in store.subscribe(page=10).batches():
        found += [each.id for each in batch]
        if last.is_set() and batch[-1].id == "end":
            break
    return found


async def naive_tail(connection: asyncpg.Connection[asyncpg.Record], last: asyncio.Event) -> list[str]:
    """Follow the sequence, as a reader does that takes numbers for the order of commits."""
    found: list[str] = []
    seen, ending = 0, False
    while True:
        ending = last.is_set()
        rows = await connection.fetch("SELECT sequence, id FROM atoll_events WHERE sequence > $1 ORDER BY 1", seen)
        found += [row["id"] for row in rows]
        seen = rows[-1]["sequence"] if rows else seen
        if ending and not rows:
            return found


async def test_the_feed_has_everything_that_was_written_and_a_tail_by_sequence_has_not(
    writers: list[tuple[Database, EventStore]], postgres_schema: str
) -> None:
    connection = await asyncpg.connect(postgres_schema)
    await connection.execute(NUMBERED)
    last = asyncio.Event()
    reader = writers[0][1]
    tails = asyncio.gather(tail(reader, last), naive_tail(connection, last))
    async with asyncio.timeout(SECONDS):
        written = await asyncio.gather(*(write(number, *each) for number, each in enumerate(writers)))
        last.set()
        await reader.append("end", [NewEvent(type="end", id="end")])
        found, naive = await tails
    await connection.close()
    expected = {"end", *(each for ids in written for each in ids)}
    assert (set(found) - expected, expected - set(found), len(found)) == (set(), set(), len(expected))
    assert expected - {"end"} - set(naive) != set()
