"""Projections behave alike whatever their events and views are kept in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from atoll.contracts import Event
from atoll.eventstore import EventStore, NewEvent, Position, RecordedEvent, new_event
from atoll.eventstore.memory import MemoryEventLog
from atoll.projections import (
    NotPossible,
    Overview,
    Projection,
    ProjectionBehind,
    ProjectionEngine,
    UnknownProjection,
    View,
    projects,
)
from atoll.storage import Database

Connect = Callable[[], Awaitable[tuple[Database, EventStore]]]


class Added(Event, event_type="test.Added.v1"):
    amount: int


class Doubled(Event, event_type="test.Doubled.v1"):
    amount: int


class Row(msgspec.Struct):
    account: str
    total: int
    history: str


class Balances(Projection):
    tables = """
        CREATE TABLE {balances} (account TEXT PRIMARY KEY, total BIGINT NOT NULL, history TEXT NOT NULL);
        CREATE INDEX {balances}_total ON {balances} (total);
    """
    refused: ClassVar[frozenset[int]] = frozenset()

    def __init__(self) -> None:
        self.refuses: set[int] = set(self.refused)

    @projects(Added)
    async def added(self, event: Added, view: View) -> None:
        if event.amount in self.refuses:
            raise ValueError(f"{event.amount} is refused")
        await view.execute(
            "INSERT INTO {balances} (account, total, history) VALUES ($1, $2, $3) ON CONFLICT (account) DO UPDATE SET "
            "total = {balances}.total + excluded.total, history = {balances}.history || excluded.history",
            *(view.recorded.stream, event.amount, f" {event.amount}"),
        )
        view.emit(Doubled(amount=2 * event.amount))


class Parking(Balances):
    name = "balances"
    on_failure = "park"


class Parted(Balances):
    name = "balances"
    partitions = 4


class Newer(Balances):
    name = "balances"
    version = 2
    tables = """
        CREATE TABLE {balances} (account TEXT PRIMARY KEY, total BIGINT NOT NULL, history TEXT NOT NULL, note TEXT);
        CREATE TABLE {sums} (only_row BIGINT PRIMARY KEY, total BIGINT NOT NULL);
    """


class Names(Projection):
    tables = "CREATE TABLE {names} (id TEXT PRIMARY KEY, type TEXT NOT NULL)"

    @projects()
    async def anything(self, event: RecordedEvent, view: View) -> None:
        await view.execute("INSERT INTO {names} VALUES ($1, $2)", event.id, event.type)


def added(*amounts: int) -> list[NewEvent]:
    return [new_event(Added(amount=each)) for each in amounts]


async def balances(db: Database) -> dict[str, tuple[int, str]]:
    rows = await db.fetch_all(Row, "SELECT account, total, history FROM balances ORDER BY account")
    return {each.account: (each.total, each.history.strip()) for each in rows}


async def emitted(db: Database) -> list[int]:
    """The amounts that were emitted, sorted."""
    rows = await db.fetch_all(_Emitted, "SELECT message FROM atoll_outbox")
    return sorted(msgspec.json.decode(each.message.data, type=Doubled).amount for each in rows)


class _Data(msgspec.Struct):
    data: bytes


class _Emitted(msgspec.Struct):
    message: _Data


class Bench:
    """Databases and engines of one test, closed at its end."""

    def __init__(self, connect: Connect, stack: AsyncExitStack) -> None:
        self._connect = connect
        self._stack = stack
        self.db: Database
        self.store: EventStore

    async def connect(self) -> tuple[Database, EventStore]:
        db, store = await self._connect()
        self._stack.push_async_callback(db.close)
        self._stack.push_async_callback(store.close)
        return db, store

    async def engine(
        self, *projections: Projection, owner: str = "test/0", lease: float = 10.0, apart: bool = False
    ) -> ProjectionEngine:
        """Start an engine; `apart` on connections of its own, as another replica has them."""
        db, store = await self.connect() if apart else (self.db, self.store)
        engine = ProjectionEngine(db, store, projections, owner=owner, lease_seconds=lease)
        self._stack.push_async_callback(engine.stop)
        await engine.start()
        return engine

    async def append(self, stream: str, *amounts: int) -> Position:
        return (await self.store.append(stream, added(*amounts))).position


async def until(engine: ProjectionEngine, holds: Callable[[Overview], bool], name: str = "balances") -> None:
    """Wait until the overview of a projection is so."""
    async with asyncio.timeout(20):
        while not holds(next(each for each in await engine.overview() if each.name == name)):
            await engine.next_look()


class Suite:
    @pytest.fixture
    async def bench(self, connect: Connect) -> AsyncIterator[Bench]:
        async with AsyncExitStack() as stack:
            bench = Bench(connect, stack)
            bench.db, bench.store = await bench.connect()
            yield bench

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

    async def test_the_lag_counts_what_waits_and_for_how_long(self, bench: Bench) -> None:
        view = Balances()
        engine = await bench.engine(view)
        await engine.pause("balances")
        await bench.append("a", 1, 2)
        await bench.append("a", 3)
        (found,) = await engine.overview()
        assert (found.state, found.lag_events) == ("paused", 3)
        assert 0 <= found.lag_seconds < 10


class Held(Projection):
    tables = "CREATE TABLE {held_sums} (only_row BIGINT PRIMARY KEY, total BIGINT NOT NULL)"

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.let_on = asyncio.Event()

    @projects(Added)
    async def added(self, event: Added, view: View) -> None:
        self.entered.set()
        await self.let_on.wait()
        await view.execute(
            "INSERT INTO {held_sums} VALUES (1, $1) ON CONFLICT (only_row) DO UPDATE SET "
            "total = {held_sums}.total + excluded.total",
            event.amount,
        )


class TestMemory(Suite):
    """Events in memory, views on SQLite."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        log = MemoryEventLog()

        async def connect() -> tuple[Database, EventStore]:
            return await Database.open(f"sqlite:///{tmp_path}/service.db"), EventStore(log)

        return connect


class TestSqlite(Suite):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        async def connect() -> tuple[Database, EventStore]:
            db = await Database.open(f"sqlite:///{tmp_path}/service.db")
            return db, await EventStore.over(db)

        return connect


class TestPostgres(Suite):
    @pytest.fixture
    def connect(self, postgres_schema: str) -> Connect:
        async def connect() -> tuple[Database, EventStore]:
            db = await Database.open(f"{postgres_schema}&pool=5")
            return db, await EventStore.over(db)

        return connect
