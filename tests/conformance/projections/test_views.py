"""Views have every event once and in order, whatever the events and the views are kept in."""

from __future__ import annotations

import pytest

from atoll.eventstore import NewEvent, Position
from atoll.projections import ProjectionBehind
from tests.conformance.projections.bench import Bench, Fixtures, Memory, Postgres, Sqlite, until
from tests.conformance.projections.views import Balances, Names, Parted, balances, emitted


class Suite(Fixtures):
    async def test_events_before_and_after_the_start_are_in_the_view_in_order(self, bench: Bench) -> None:
        await bench.append("a", 1, 2)
        view = Balances()
        await bench.engine(view)
        await bench.append("b", 5)
        await view.wait_for(await bench.append("a", 3))
        assert await balances(bench.db) == {"a": (6, "1 2 3"), "b": (5, "5")}

    async def test_what_was_there_before_a_projection_was_declared_has_no_side_effects(self, bench: Bench) -> None:
        await bench.append("a", 1, 2)
        view = Balances()
        await bench.engine(view)
        await view.wait_for(await bench.append("a", 3))
        assert await emitted(bench.db) == [6]

    async def test_a_view_includes_the_position_of_an_event_that_it_does_not_handle(self, bench: Bench) -> None:
        view = Balances()
        engine = await bench.engine(view)
        await engine.stop()
        position = (await bench.store.append("x", [NewEvent(type="test.Other")])).position
        await view.wait_for(position, timeout=1.0)

    async def test_a_handler_of_everything_gets_the_events_as_they_are_stored(self, bench: Bench) -> None:
        view = Names()
        await bench.engine(view)
        appended = await bench.store.append("x", [NewEvent(type="test.Other", id="e1"), NewEvent(type="more", id="e2")])
        await view.wait_for(appended.position)
        assert await bench.db.fetch_value("SELECT count(*) FROM names WHERE id IN ('e1', 'e2')") == 2

    async def test_waiting_for_a_view_that_is_paused_ends_with_the_reason(self, bench: Bench) -> None:
        view = Balances()
        engine = await bench.engine(view)
        await engine.pause("balances")
        position = await bench.append("a", 1)
        with pytest.raises(ProjectionBehind, match="it is paused") as caught:
            await view.wait_for(position, timeout=0.05)
        assert caught.value.retryable
        await engine.resume("balances")
        await view.wait_for(position)
        assert await balances(bench.db) == {"a": (1, "1")}

    async def test_two_replicas_handle_each_event_once_and_one_goes_on_for_the_other(self, bench: Bench) -> None:
        first, second = Balances(), Balances()
        engine = await bench.engine(first, owner="test/0")
        await bench.engine(second, owner="test/1", apart=True, lease=0.5)
        await second.wait_for(await bench.append("a", 1))
        await engine.stop()
        await second.wait_for(await bench.append("a", 2))
        assert await balances(bench.db) == {"a": (3, "1 2")}
        assert await emitted(bench.db) == [2, 4]

    async def test_partitions_keep_the_order_of_each_key(self, bench: Bench) -> None:
        view = Parted()
        await bench.engine(view)
        position = Position()
        for amount in range(1, 6):
            for stream in "abcdefgh":
                position = await bench.append(stream, amount)
        await view.wait_for(position)
        assert await balances(bench.db) == dict.fromkeys("abcdefgh", (15, "1 2 3 4 5"))
        parts = await bench.db.fetch_value(
            "SELECT count(*) FROM atoll_projection_partitions WHERE name = 'balances' AND position <> '[0,0]'"
        )
        assert parts > 1

    async def test_the_lag_counts_what_waits_and_for_how_long(self, bench: Bench) -> None:
        view = Balances()
        engine = await bench.engine(view)
        await engine.pause("balances")
        await bench.append("a", 1, 2)
        await bench.append("a", 3)
        # Whatever else the server does may hold the feed back for a while.
        await until(engine, lambda each: each.lag_events == 3)
        (found,) = await engine.overview()
        assert (found.state, found.lag_events) == ("paused", 3)
        assert 0 <= found.lag_seconds < 10


class TestMemory(Suite, Memory):
    pass


class TestSqlite(Suite, Sqlite):
    pass


class TestPostgres(Suite, Postgres):
    pass
