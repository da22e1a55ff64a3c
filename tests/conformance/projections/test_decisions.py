"""What stops, parks or pauses a projection, and what an operator may do about it."""

from __future__ import annotations

import asyncio

import pytest

from atoll.projections import NotPossible, ProjectionBehind, UnknownProjection
from tests.conformance.projections.bench import Bench, Fixtures, Memory, Postgres, Sqlite, until
from tests.conformance.projections.views import Balances, Held, Names, Parking, balances, emitted


class Suite(Fixtures):
    async def test_a_projection_that_stops_shows_why_and_the_others_go_on(self, bench: Bench) -> None:
        view, names = Balances(), Names()
        view.refuses = {2}
        engine = await bench.engine(view, names)
        position = await bench.append("a", 1, 2, 3)
        await names.wait_for(position)
        await until(engine, lambda each: each.state == "stopped")
        assert await balances(bench.db) == {"a": (1, "1")}
        with pytest.raises(ProjectionBehind, match=r"it has stopped at version 2 of 'a' \(ValueError: 2 is refused\)"):
            await view.wait_for(position, timeout=0.01)
        view.refuses = set()
        assert await engine.decide("balances", "retry") == 1
        await view.wait_for(position)
        assert await balances(bench.db) == {"a": (6, "1 2 3")}

    async def test_an_event_that_stops_a_projection_can_be_passed_over(self, bench: Bench) -> None:
        view = Balances()
        view.refuses = {2}
        engine = await bench.engine(view)
        position = await bench.append("a", 1, 2, 3)
        await until(engine, lambda each: each.state == "stopped")
        (stopped,) = await engine.overview()
        await engine.decide("balances", "discard", event_id=stopped.failed_id)
        await view.wait_for(position)
        assert await balances(bench.db) == {"a": (4, "1 3")}

    async def test_a_parked_event_holds_up_its_key_alone_and_goes_on_in_order(self, bench: Bench) -> None:
        view = Parking()
        view.refuses = {2}
        engine = await bench.engine(view)
        await bench.append("a", 1, 2, 3)
        await view.wait_for(await bench.append("b", 7))
        await view.wait_for(await bench.append("a", 4))
        assert await balances(bench.db) == {"a": (1, "1"), "b": (7, "7")}
        assert [(each.key, bool(each.error)) for each in await engine.parked("balances")] == [
            ("a", True),
            ("a", False),
            ("a", False),
        ]
        assert await engine.decide("balances", "retry") == 3
        await until(engine, lambda each: each.parked == 3)
        view.refuses = set()
        await engine.decide("balances", "retry")
        await until(engine, lambda each: each.parked == 0)
        await view.wait_for(await bench.append("a", 5))
        assert await balances(bench.db) == {"a": (15, "1 2 3 4 5"), "b": (7, "7")}
        assert await emitted(bench.db) == [2, 4, 6, 8, 10, 14]

    async def test_what_comes_behind_a_discarded_event_goes_on(self, bench: Bench) -> None:
        view = Parking()
        view.refuses = {2}
        engine = await bench.engine(view)
        await view.wait_for(await bench.append("a", 1, 2, 3))
        head = (await engine.parked("balances"))[0]
        await engine.decide("balances", "discard", event_id=head.event_id)
        await until(engine, lambda each: each.parked == 0)
        assert await balances(bench.db) == {"a": (4, "1 3")}

    async def test_an_operator_is_told_what_cannot_be_done(self, bench: Bench) -> None:
        engine = await bench.engine(Balances())
        with pytest.raises(UnknownProjection, match="there is no projection 'x'; there are balances"):
            await engine.rebuild("x")
        with pytest.raises(NotPossible, match="has nothing that is stopped or parked"):
            await engine.decide("balances", "retry")
        await engine.pause("balances")
        await engine.rebuild("balances")
        with pytest.raises(NotPossible, match="is being rebuilt already"):
            await engine.rebuild("balances")

    async def test_nothing_is_written_any_more_once_a_pause_has_returned(self, bench: Bench) -> None:
        view = Held()
        engine = await bench.engine(view)
        await bench.append("a", 1)
        await view.entered.wait()
        pausing = asyncio.create_task(engine.pause("held"))
        view.let_on.set()
        await pausing
        paused = await bench.db.fetch_value("SELECT coalesce(sum(total), 0) FROM held_sums")
        with pytest.raises(ProjectionBehind):
            await view.wait_for(await bench.append("a", 2), timeout=0.05)
        assert await bench.db.fetch_value("SELECT coalesce(sum(total), 0) FROM held_sums") == paused
        await engine.resume("held")
        await view.wait_for(await bench.append("a", 3))
        assert await bench.db.fetch_value("SELECT total FROM held_sums") == 6


class TestMemory(Suite, Memory):
    pass


class TestSqlite(Suite, Sqlite):
    pass


class TestPostgres(Suite, Postgres):
    pass
