"""The part of the suite on appends within a unit of work."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from atoll.eventstore import ConcurrencyConflict, ConditionFailed, EventStore, Query, StreamInfo
from atoll.storage import Database
from atoll.testing.checks import DEADLINE, equal
from atoll.testing.event_store_suite.events import event, events, feed, ids, kinds, take, versions
from atoll.testing.event_store_suite.fixtures import EventStoreFixtures


class UnitOfWorkSuite(EventStoreFixtures):
    """An append happens with the unit of work that it is made in, or not at all."""

    async def test_an_append_commits_with_the_rows_of_its_unit_of_work(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        await db.engine.script("CREATE TABLE things (id BIGINT PRIMARY KEY)")
        async with db.transaction():
            await db.execute("INSERT INTO things (id) VALUES (1)")
            appended = await store.append("s", events(2), expected=0)
            equal(versions(await store.read("s")), [1, 2])
            equal((await store.info("s")).version, 2)
            equal(await store.read_all(), [])
        equal((await feed(store, 2))[-1].position, appended.position)
        equal(await db.fetch_value("SELECT count(*) FROM things"), 1)

    async def test_an_append_is_undone_with_its_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await store.append("s", events(2))
                raise ZeroDivisionError
        equal(await store.read("s"), [])
        equal((await store.append("s", events(1), expected=0)).version, 1)

    async def test_a_conflict_may_be_caught_in_a_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        await store.append("s", events(1))
        async with db.transaction():
            with pytest.raises(ConcurrencyConflict):
                await store.append("s", events(1), expected=0)
            await store.append("s", events(1), expected=1)
        equal((await store.info("s")).version, 2)

    async def test_several_appends_of_one_unit_of_work_keep_their_order(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        sent = events(5)
        async with db.transaction():
            await store.append("b", sent[:2])
            await store.append("a", sent[2:3])
            await store.append("b", sent[3:], expected=2)
        equal(ids(await feed(store, 5)), ids(sent))

    async def test_a_unit_of_work_selects_and_appends_under_a_condition(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        query = Query.of(tags=["seat:1"])
        async with db.transaction():
            first = await store.select(query)
            await store.append("s", [event("taken", "seat:1")], condition=first.unchanged)
            second = await store.select(query)
            equal(len(second.events), 1)
            with pytest.raises(ConditionFailed):
                await store.append("t", [event("taken", "seat:1")], condition=first.unchanged)
            await store.append("t", [event("left", "seat:1")], condition=second.unchanged)
        equal(len((await store.select(query)).events), 2)

    async def test_one_condition_is_met_once_by_all_units_of_work_together(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        query = Query.of(tags=["seat:1"])
        selection = await store.select(query)

        async def sit(stream: str) -> bool:
            try:
                await store.append(stream, [event("taken", "seat:1")], condition=selection.unchanged)
            except ConditionFailed:
                return False
            return True

        within_units = [db.atomic(partial(sit, f"s{number}")) for number in range(5)]
        alone = [sit(f"t{number}") for number in range(5)]
        async with asyncio.timeout(DEADLINE):
            taken = await asyncio.gather(*within_units, *alone)
        equal(sum(taken), 1)
        equal(len((await store.select(query)).events), 1)

    async def test_units_of_work_that_count_by_a_stream_lose_nothing(self, within: tuple[Database, EventStore]) -> None:
        db, store = within

        async def count() -> None:
            async def work() -> None:
                found = await store.read("s")
                await store.append("s", [event(f"e{len(found)}")], expected=len(found))

            for _ in range(10):
                try:
                    await db.atomic(work)
                except ConcurrencyConflict:
                    continue
                return

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(count() for _ in range(6)))
        found = await store.read("s")
        equal(kinds(found), [f"e{number}" for number in range(len(found))])
        equal(len(found) > 0, True)

    async def test_a_repetition_in_a_unit_of_work_changes_nothing(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        sent = events(2)
        repeated: list[bool] = []
        for _ in range(2):
            async with db.transaction():
                repeated.append((await store.append("s", sent, expected=0)).repeated)
        equal(repeated, [False, True])
        equal(ids(await store.read("s")), ids(sent))

    async def test_a_follower_hears_of_a_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        following = asyncio.create_task(take(store, 1))
        async with db.transaction():
            sent = events(1)
            await store.append("s", sent)
        equal(ids(await following), ids(sent))

    async def test_a_deletion_and_an_annotation_join_a_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        await store.append("s", events(1))
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await store.annotate("s", {"a": 1})
                await store.delete("s")
                raise ZeroDivisionError
        equal(await store.info("s"), StreamInfo(version=1))
