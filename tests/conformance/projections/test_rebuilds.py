"""A view is built anew beside the live one."""

from __future__ import annotations

import asyncio

import pytest

from atoll.eventstore import Position
from atoll.projections import ProjectionBehind
from tests.conformance.projections.bench import Bench, Fixtures, Memory, Postgres, Sqlite, until
from tests.conformance.projections.views import Balances, Newer, Parted, balances, emitted


class Suite(Fixtures):
    async def test_a_rebuild_beside_the_live_view_gives_the_same_and_no_side_effect_twice(self, bench: Bench) -> None:
        view = Balances()
        engine = await bench.engine(view)
        ending = asyncio.Event()

        async def write() -> Position:
            position, amount = Position(), 0
            while not ending.is_set() or amount < 20:
                amount += 1
                position = await bench.append("ab"[amount % 2], amount)
                await bench.db.fetch_value("SELECT count(*) FROM balances")
            return position

        writing = asyncio.create_task(write())
        assert await engine.rebuild("balances") == 2
        await until(engine, lambda each: each.generation == 2)
        ending.set()
        await view.wait_for(await writing)
        amounts = [int(each) for _, history in (await balances(bench.db)).values() for each in history.split()]
        assert sorted(amounts) == list(range(1, len(amounts) + 1))
        assert await emitted(bench.db) == [2 * each for each in sorted(amounts)]

    async def test_another_version_is_built_at_the_start_and_the_old_one_dropped(self, bench: Bench) -> None:
        old = Balances()
        engine = await bench.engine(old)
        await old.wait_for(await bench.append("a", 1, 2))
        await engine.stop()
        await bench.append("a", 3)
        newer = Newer()
        engine = await bench.engine(newer)
        await until(engine, lambda each: each.version == 2)
        await newer.wait_for(await bench.append("a", 4))
        assert await balances(bench.db) == {"a": (10, "1 2 3 4")}
        assert await bench.db.fetch_value("SELECT count(*) FROM sums") == 0
        assert await bench.db.fetch_value("SELECT count(note) FROM balances") == 0
        assert await emitted(bench.db) == [2, 4, 6, 8]
        generations = "SELECT count(*) FROM atoll_projection_generations WHERE name = 'balances'"
        async with asyncio.timeout(10):
            while await bench.db.fetch_value(generations) > 1:
                await engine.next_look()
        assert not await bench.db.fetch_value(bench.db.engine.dialect.has_table, "balances__1")

    async def test_older_code_leaves_a_newer_view_alone(self, bench: Bench) -> None:
        newer = Newer()
        engine = await bench.engine(newer)
        await newer.wait_for(await bench.append("a", 1))
        await engine.stop()
        old = Balances()
        engine = await bench.engine(old)
        position = await bench.append("a", 2)
        with pytest.raises(ProjectionBehind, match="it is run by newer code only"):
            await old.wait_for(position, timeout=0.01)
        assert (await engine.overview())[0].state == "outdated"

    async def test_another_number_of_partitions_counts_from_the_next_rebuild_on(self, bench: Bench) -> None:
        view = Balances()
        engine = await bench.engine(view)
        await view.wait_for(await bench.append("a", 1))
        await engine.stop()
        parted = Parted()
        engine = await bench.engine(parted)
        assert (await engine.overview())[0].partitions == 1
        await engine.rebuild("balances")
        await until(engine, lambda each: each.generation == 2)
        for stream in "abcdefgh":
            await bench.append(stream, 2)
        await parted.wait_for(await bench.store.end())
        assert (await engine.overview())[0].partitions == 4
        assert await emitted(bench.db) == [2, *[4] * 8]
        assert (await balances(bench.db))["a"] == (3, "1 2")


class TestMemory(Suite, Memory):
    pass


class TestSqlite(Suite, Sqlite):
    pass


class TestPostgres(Suite, Postgres):
    pass
