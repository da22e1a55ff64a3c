"""A gapless store numbers its events one by one, in the order of commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from atoll.eventstore import (
    ConcurrencyConflict,
    ConditionFailed,
    EventStore,
    NewEvent,
    Position,
    Query,
    StoreMismatch,
    StreamDeleted,
)
from atoll.storage import Database

SECONDS = 60.0


@pytest.fixture
async def opened(postgres_schema: str) -> AsyncIterator[list[tuple[Database, EventStore]]]:
    """The store as three processes open it."""
    async with AsyncExitStack() as stack:
        opened: list[tuple[Database, EventStore]] = []
        for _ in range(3):
            db = await Database.open(postgres_schema)
            stack.push_async_callback(db.close)
            store = await EventStore.over(db, gapless=True)
            stack.push_async_callback(store.close)
            opened.append((db, store))
        yield opened


async def write(db: Database, store: EventStore, stream: str) -> None:
    """Append alone, in units of work that commit, in some that do not, and where it conflicts."""
    for number in range(5):
        await store.append(stream, [NewEvent(type="alone")], expected=2 * number)
        with pytest.raises(ConcurrencyConflict):
            await store.append(stream, [NewEvent(type="late")], expected=2 * number)
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await store.append(stream, [NewEvent(type="undone"), NewEvent(type="undone")])
                raise ZeroDivisionError
        await db.atomic(lambda: store.append(stream, [NewEvent(type="within")]))


async def test_numbers_have_no_gaps_however_many_write_and_whatever_is_undone(
    opened: list[tuple[Database, EventStore]],
) -> None:
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(write(*each, f"s{number}") for number, each in enumerate(opened)))
    found = await opened[0][1].read_all()
    assert [each.position for each in found] == [Position(0, number) for number in range(1, 31)]
    assert {each.type for each in found} == {"alone", "within"}


async def test_the_feed_shows_a_commit_at_once_while_another_transaction_runs(
    opened: list[tuple[Database, EventStore]],
) -> None:
    (db, _), (_, store), _ = opened
    async with db.transaction("read committed"):
        await db.fetch_value("SELECT CAST(pg_current_xact_id() AS text)")
        await store.append("s", [NewEvent(type="happened")])
        assert len(await store.read_all()) == 1
        assert await store.blockers() == []


async def test_conditions_and_deletions_hold(opened: list[tuple[Database, EventStore]]) -> None:
    (db, one), (_, other), _ = opened
    selection = await one.select(Query.of(tags=["t"]))
    await other.append("s", [NewEvent(type="happened", tags=("t",))], condition=selection.unchanged)
    with pytest.raises(ConditionFailed):
        await one.append("s", [NewEvent(type="happened")], condition=selection.unchanged)
    with pytest.raises(ConditionFailed):
        await db.atomic(lambda: one.append("s", [NewEvent(type="happened")], condition=selection.unchanged))
    await one.delete("s", expected=1)
    with pytest.raises(StreamDeleted):
        await other.append("s", [NewEvent(type="happened")])


async def test_the_order_of_a_store_is_chosen_when_it_is_made(opened: list[tuple[Database, EventStore]]) -> None:
    db, store = opened[0]
    await store.append("s", [NewEvent(type="happened")])
    with pytest.raises(StoreMismatch, match="made gapless, but is opened as not"):
        await EventStore.over(db)
    assert len(await store.read_all()) == 1
