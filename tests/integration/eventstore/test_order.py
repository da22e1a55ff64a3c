"""On PostgreSQL the feed skips no event, however the transactions that write interleave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
import pytest

from atoll.eventstore import (
    ConcurrencyConflict,
    ConditionFailed,
    EventStore,
    NewEvent,
    Position,
    Query,
    RecordedEvent,
)
from atoll.storage import Database, TransactionConflict
from atoll.storage.port import Isolation

T = TypeVar("T")

SECONDS = 30.0


@pytest.fixture
async def db(postgres_schema: str) -> AsyncIterator[Database]:
    db = await Database.open(postgres_schema)
    yield db
    await db.close()


@pytest.fixture
async def store(db: Database) -> AsyncIterator[EventStore]:
    store = await EventStore.over(db)
    yield store
    await store.close()


class Transaction:
    """A unit of work in a task of its own, which the test moves on step by step."""

    def __init__(self, db: Database, store: EventStore, isolation: Isolation = "serializable") -> None:
        self._db = db
        self._store = store
        self._isolation: Isolation = isolation
        self._steps: asyncio.Queue[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]] | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    async def append(self, stream: str, **how: Any) -> str:
        """Append one event; return its id."""
        event = NewEvent(type="happened", tags=("t",))
        await self.do(lambda: self._store.append(stream, [event], **how))
        return event.id

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` in the transaction."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._steps.put_nowait((work, done))
        return await done

    async def commit(self) -> None:
        self._steps.put_nowait(None)
        await self._task

    async def roll_back(self) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        async with self._db.transaction(self._isolation):
            while (step := await self._steps.get()) is not None:
                work, done = step
                try:
                    done.set_result(await work())
                except Exception as error:  # noqa: BLE001 - told to the test
                    done.set_exception(error)


async def shown(store: EventStore) -> list[str]:
    """Return the ids that the feed shows."""
    return [each.id for each in await store.read_all()]


async def until_shown(store: EventStore, *ids: str) -> None:
    """Wait until the feed shows exactly these, in this order: other work on the server may hold it back."""

    async def all_are() -> bool:
        found = await shown(store)
        assert found == list(ids)[: len(found)]
        return len(found) == len(ids)

    await until(all_are)


async def until(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            if await true():
                return
            await asyncio.sleep(0.005)


async def test_a_later_transaction_that_commits_first_waits_for_the_earlier(db: Database, store: EventStore) -> None:
    slow, quick = Transaction(db, store), Transaction(db, store)
    one = await slow.append("a")
    two = await quick.append("b")
    await quick.commit()
    assert await shown(store) == []
    await slow.commit()
    await until_shown(store, one, two)


async def test_what_an_append_of_its_own_commits_waits_too(db: Database, store: EventStore) -> None:
    slow = Transaction(db, store)
    one = await slow.append("a")
    two = NewEvent(type="happened")
    appended = await store.append("b", [two])
    assert await shown(store) == []
    assert await store.end() == appended.position
    await slow.commit()
    await until_shown(store, one, two.id)


async def test_of_several_slow_transactions_the_oldest_holds_the_feed(db: Database, store: EventStore) -> None:
    first, second, third = (Transaction(db, store) for _ in range(3))
    one, two, three = await first.append("a"), await second.append("b"), await third.append("c")
    await third.commit()
    await second.commit()
    assert await shown(store) == []
    await first.commit()
    await until_shown(store, one, two, three)


async def test_a_transaction_that_is_undone_holds_nothing_back(db: Database, store: EventStore) -> None:
    undone, quick = Transaction(db, store), Transaction(db, store)
    await undone.append("a")
    two = await quick.append("b")
    await quick.commit()
    assert await shown(store) == []
    await undone.roll_back()
    await until_shown(store, two)


async def test_a_reader_whose_place_is_kept_gets_the_event_that_was_late(db: Database, store: EventStore) -> None:
    before = NewEvent(type="happened")
    await store.append("a", [before])
    await until_shown(store, before.id)
    (seen,) = await store.read_all()
    slow, quick = Transaction(db, store), Transaction(db, store)
    one, two = await slow.append("b"), await quick.append("c")
    await quick.commit()
    assert await store.read_all(after=seen.position) == []
    await slow.commit()
    await until_shown(store, before.id, one, two)
    assert [each.id for each in await store.read_all(after=seen.position)] == [one, two]


async def test_an_event_held_by_a_trigger_is_not_passed_over(db: Database, store: EventStore, raw: Any) -> None:
    await raw.execute(HOLD)
    following = asyncio.create_task(follow(store, 11))
    await raw.fetchval("SELECT pg_advisory_lock(42)")
    late = asyncio.create_task(db.atomic(lambda: store.append("held", [NewEvent(type="held")])))
    await until(lambda: raw.fetchval("SELECT count(*) FROM pg_locks WHERE objid = 42 AND NOT granted"))
    quick = await EventStore.over(db)
    for number in range(10):
        await quick.append("quick", [NewEvent(type=f"q{number}")])
    assert not following.done()
    assert await shown(store) == []
    await raw.fetchval("SELECT pg_advisory_unlock(42)")
    await late
    assert sorted(each.type for each in await following) == ["held", *(f"q{number}" for number in range(10))]
    await quick.close()


async def test_what_holds_the_feed_back_is_named(db: Database, store: EventStore) -> None:
    slow = Transaction(db, store)
    await slow.append("a")
    pid = await slow.do(lambda: db.fetch_value("SELECT pg_backend_pid()"))
    await store.append("b", [NewEvent(type="happened")])
    found = {each.pid: each for each in await store.blockers()}
    assert "pg_backend_pid" in found[pid].query
    assert found[pid].state == "idle in transaction"
    assert found[pid].seconds > 0
    assert found[pid].application == "atoll"
    await slow.commit()
    assert pid not in {each.pid for each in await store.blockers()}


async def test_a_stream_written_by_a_later_transaction_is_a_conflict_for_an_earlier_one(
    db: Database, store: EventStore
) -> None:
    early = Transaction(db, store, "read committed")
    await early.append("a")
    await store.append("b", [NewEvent(type="happened")])
    with pytest.raises(TransactionConflict):
        await early.append("b")
    await early.roll_back()


async def test_a_unit_of_work_that_lost_its_stream_to_another_runs_again(db: Database, store: EventStore) -> None:
    slow = Transaction(db, store)
    assert await slow.do(lambda: store.read("a")) == []
    await store.append("a", [NewEvent(type="happened")])
    with pytest.raises(TransactionConflict):
        await slow.append("a", expected=0)
    await slow.roll_back()
    with pytest.raises(ConcurrencyConflict):
        await db.atomic(lambda: store.append("a", [NewEvent(type="happened")], expected=0))


@pytest.mark.parametrize("gapless", [False, True])
async def test_a_condition_sees_what_was_committed_after_the_snapshot_of_its_unit_of_work(
    postgres_schema: str, gapless: bool
) -> None:
    db = await Database.open(postgres_schema)
    store = await EventStore.over(db, gapless=gapless)
    selection = await store.select(Query.of(tags=["t"]))
    slow = Transaction(db, store)
    await slow.do(lambda: store.read("a"))
    await store.append("b", [NewEvent(type="happened", tags=("t",))])
    with pytest.raises(TransactionConflict):
        await slow.append("c", condition=selection.unchanged)
    await slow.roll_back()
    with pytest.raises(ConditionFailed):
        await db.atomic(lambda: store.append("c", [NewEvent(type="happened")], condition=selection.unchanged))
    await store.close()
    await db.close()


async def test_a_decision_knows_the_events_that_the_feed_does_not_show_yet(db: Database, store: EventStore) -> None:
    slow = Transaction(db, store)
    await slow.append("a")
    await store.append("b", [NewEvent(type="happened", tags=("t",))])
    selection = await store.select(Query.of(tags=["t"]))
    assert len(selection.events) == 1
    await slow.commit()
    with pytest.raises(ConditionFailed):
        await store.append("c", [NewEvent(type="happened")], condition=selection.unchanged)


async def test_the_order_goes_on_in_another_server(db: Database, store: EventStore) -> None:
    old = await store.append("a", [NewEvent(type="old")])
    async with db.transaction("read committed"):
        await db.execute("UPDATE atoll_events SET transaction_id = transaction_id + 1000000000000")
    again = await EventStore.over(db)
    new = await again.append("a", [NewEvent(type="new")])
    assert new.position > Position(old.position.transaction + 1_000_000_000_000, 1)
    await until_shown(again, *[each.id for each in await store.read("a")])
    await again.close()


HOLD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.type = 'held' THEN PERFORM pg_advisory_xact_lock_shared(42); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE INSERT ON atoll_events FOR EACH ROW EXECUTE FUNCTION hold();
"""
"""Keeps one event invisible, its place in the order taken, while later ones commit (as Marten's #4964 does)."""


async def follow(store: EventStore, count: int) -> list[RecordedEvent]:
    found: list[RecordedEvent] = []
    async with asyncio.timeout(SECONDS):
        async for each in store.subscribe(page=3):
            found.append(each)
            if len(found) == count:
                break
    return found


@pytest.fixture
async def raw(db: Database, store: EventStore, postgres_schema: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgres_schema)
    yield connection
    await connection.close()
