"""The conformance suite of the storage package: what a database engine must make true of `Database`.

An engine shows that it is one by passing it, under pytest with pytest-asyncio in its auto mode::

    class TestMyEngine(DatabaseSuite):
        @pytest.fixture
        def connect(self) -> Connect:
            async def connect(hooks: Hooks | None = None) -> Database: ...
            return connect

`connect` opens one database, empty when the test began, each time as another replica of a service would; the suite
closes what it opened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final, Protocol

import msgspec
import pytest

from atoll.contracts import Event, Message, message_of
from atoll.core.clock import SystemClock
from atoll.core.context import new_context, use
from atoll.core.hooks import Hooks
from atoll.storage import (
    ConstraintViolated,
    Database,
    KeyTaken,
    NotItsTurn,
    NoUnitOfWork,
    StatementFailed,
    StorageError,
    StoredReply,
    TransactionConflict,
    ValueRefused,
    in_transaction,
)
from atoll.storage.database import CONFLICTS
from atoll.storage.records import TransactionFinished

DEADLINE: Final = 30.0

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS things (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL DEFAULT '{serial number}',
    fresh BOOLEAN,
    price DOUBLE PRECISION,
    raw BYTEA,
    tags TEXT
);
CREATE TABLE IF NOT EXISTS counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS notes (
    seq {serial},
    note TEXT NOT NULL
);
"""


class Connect(Protocol):
    """Opens the test's database, once more with each call."""

    async def __call__(self, hooks: Hooks | None = None) -> Database: ...


class Thing(msgspec.Struct):
    """A row of the table `things`."""

    id: int
    name: str = ""
    fresh: bool | None = None
    price: float | None = None
    raw: bytes | None = None
    tags: list[str] | None = None


class Note(msgspec.Struct):
    """A row of the table `notes`."""

    seq: int
    note: str


class ThingMade(Event, key="id"):
    """An event for the outbox."""

    id: int


def made(number: int) -> Message:
    """Return a message unlike all others."""
    return message_of(ThingMade(id=number), source="things", context=new_context(), time=1.0)


async def insert(db: Database, number: int) -> int:
    """Insert a thing."""
    return await db.execute("INSERT INTO things (id) VALUES ($1)", number)


async def things(db: Database) -> list[int]:
    """Return the ids of all things, in order."""
    return [each.id for each in await db.fetch_all(Thing, "SELECT id FROM things ORDER BY id")]


async def count_up(db: Database, name: str = "n") -> int:
    """Read a counter, think, and write it, as careless code does; return its new value."""
    value = int(await db.fetch_value("SELECT value FROM counters WHERE name = $1", name)) + 1
    await asyncio.sleep(0)
    await db.execute("UPDATE counters SET value = $1 WHERE name = $2", value, name)
    return value


class Pause:
    """A point in some work where the test may act while the work waits."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.go_on.wait()


class Replicas:
    """Opens replicas of the database under test."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.opened: list[Database] = []

    async def open(self, hooks: Hooks | None = None) -> Database:
        """One more, closed at the end of the test."""
        self.opened.append(await self._connect(hooks))
        return self.opened[-1]


class HastyClock(SystemClock):
    """Pauses between runs take no time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class DatabaseSuite:
    """What every engine must do. See the module for how to use it."""

    @pytest.fixture
    def connect(self) -> Connect:
        """Override: return a function that opens the test's database."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    async def replicas(self, connect: Connect) -> AsyncIterator[Replicas]:
        """Open replicas, and close them at the end of the test."""
        replicas = Replicas(connect)
        yield replicas
        for database in replicas.opened:
            await database.close()

    @pytest.fixture
    async def db(self, replicas: Replicas) -> Database:
        """One replica, with the suite's tables."""
        db = await replicas.open()
        await db.engine.script(SCHEMA)
        async with db.transaction():
            for name in ("n", "left", "right"):
                await db.execute("INSERT INTO counters (name, value) VALUES ($1, 0)", name)
        return db

    @pytest.fixture
    async def other(self, db: Database, replicas: Replicas) -> Database:
        """Another replica of the same service."""
        return await replicas.open()

    # Rows and statements

    async def test_a_row_comes_back_as_it_was_stored(self, db: Database) -> None:
        thing = Thing(id=2**40, name="Straße", fresh=True, price=1732290000.123456, raw=b"\x00\xff", tags=["a", "b"])
        async with db.transaction():
            await db.execute(
                "INSERT INTO things (id, name, fresh, price, raw, tags) VALUES ($1, $2, $3, $4, $5, $6)",
                *(getattr(thing, name) for name in thing.__struct_fields__),
            )
        equal(await db.fetch_one(Thing, "SELECT * FROM things WHERE id = $1", thing.id), thing)

    async def test_nothing_is_stored_as_null_and_comes_back_as_none(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
        equal(await db.fetch_one(Thing, "SELECT id, price, raw, tags FROM things"), Thing(id=1))
        equal(await db.fetch_value("SELECT price FROM things"), None)

    async def test_braces_in_a_script_that_name_nothing_stay(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
        equal(await db.fetch_value("SELECT name FROM things"), "{serial number}")

    async def test_fetch_one_gives_none_when_there_is_no_row(self, db: Database) -> None:
        equal(await db.fetch_one(Thing, "SELECT * FROM things"), None)
        equal(await db.fetch_value("SELECT id FROM things"), None)
        equal(await db.fetch_all(Thing, "SELECT * FROM things"), [])

    async def test_a_row_that_does_not_fit_is_told_by_its_column(self, db: Database) -> None:
        with pytest.raises(StorageError, match=r"Thing: .*id"):
            await db.fetch_one(Thing, "SELECT 'one' AS id")

    async def test_execute_tells_how_many_rows_changed(self, db: Database) -> None:
        async with db.transaction():
            equal(await db.execute("UPDATE counters SET value = 1"), 3)
            equal(await db.execute("UPDATE counters SET value = 1 WHERE name = 'none'"), 0)
            equal(await db.execute("INSERT INTO counters VALUES ('n', 1) ON CONFLICT DO NOTHING"), 0)
            equal(await db.execute("DELETE FROM counters WHERE name <> $1", "n"), 2)

    async def test_a_write_can_return_rows(self, db: Database) -> None:
        async with db.transaction():
            first = await db.fetch_one(Note, "INSERT INTO notes (note) VALUES ($1) RETURNING seq, note", "a")
            second = await db.fetch_value("INSERT INTO notes (note) VALUES ('b') RETURNING seq")
        equal((first and first.note, bool(first and second > first.seq)), ("a", True))
        equal(await db.fetch_value("SELECT count(*) FROM notes"), 2)

    async def test_the_sum_of_whole_numbers_is_one(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 2**40)
            await insert(db, 1)
        equal(await db.fetch_one(Thing, "SELECT sum(id) AS id FROM things"), Thing(id=2**40 + 1))

    async def test_a_list_is_one_argument(self, db: Database) -> None:
        numbers, names = db.engine.dialect.one_of("$1", "BIGINT"), db.engine.dialect.one_of("$1")
        async with db.transaction():
            for number in range(5):
                await insert(db, number)
        equal(await db.fetch_value(f"SELECT count(*) FROM things WHERE id {numbers}", [1, 3, 9]), 2)
        equal(await db.fetch_value(f"SELECT count(*) FROM counters WHERE name {names}", ["n", "left", "'"]), 2)

    async def test_text_sorts_by_code_point_on_every_engine(self, db: Database) -> None:
        async with db.transaction():
            for note in ("b", "B", "ä", "a", "_"):
                await db.execute("INSERT INTO notes (note) VALUES ($1)", note)
        rows = await db.fetch_all(Note, "SELECT seq, note FROM notes ORDER BY note")
        equal([row.note for row in rows], ["B", "_", "a", "b", "ä"])

    async def test_a_broken_constraint_has_a_type_of_its_own(self, db: Database) -> None:
        with pytest.raises(ConstraintViolated):
            async with db.transaction():
                await insert(db, 1)
                await insert(db, 1)

    async def test_a_number_too_large_for_any_column_is_the_value_s_fault(self, db: Database) -> None:
        with pytest.raises(ValueRefused):
            async with db.transaction():
                await insert(db, 2**70)

    async def test_a_failing_statement_is_shown_in_the_error(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="SELECT nonsense"):
            await db.fetch_value("SELECT nonsense")

    async def test_scripts_of_replicas_that_start_together_do_not_fight(self, db: Database, replicas: Replicas) -> None:
        others = [await replicas.open() for _ in range(3)]
        await asyncio.gather(
            *(each.engine.script(f"{SCHEMA}; CREATE TABLE IF NOT EXISTS x (a TEXT)") for each in others)
        )
        equal(await db.fetch_value("SELECT count(*) FROM x"), 0)

    async def test_a_script_that_fails_leaves_nothing_behind(self, db: Database) -> None:
        with pytest.raises(StatementFailed):
            await db.engine.script("CREATE TABLE half (a TEXT); CREATE TABLE nonsense")
        with pytest.raises(StatementFailed, match="half"):
            await db.fetch_value("SELECT count(*) FROM half")

    # The unit of work

    async def test_an_error_in_the_block_undoes_everything(self, db: Database) -> None:
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                await insert(db, 1)
                db.outbox.add(made(1))
                raise ValueError("no")
        equal(await things(db), list[int]())
        equal(await db.outbox.count(), 0)

    async def test_a_nested_block_joins_the_outer_one(self, db: Database) -> None:
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                async with db.transaction():
                    await insert(db, 1)
                raise ValueError("no")
        equal(await things(db), list[int]())

    async def test_a_write_outside_of_a_unit_of_work_is_refused(self, db: Database) -> None:
        with pytest.raises(NoUnitOfWork, match="needs a unit of work"):
            await insert(db, 1)

    async def test_a_read_outside_of_a_unit_of_work_cannot_write(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="read-?only"):
            await db.fetch_value("INSERT INTO things (id) VALUES (1) RETURNING id")
        equal(await things(db), list[int]())

    async def test_a_unit_of_work_sees_what_it_wrote_and_others_do_not(self, db: Database, other: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
            equal((await things(db), await things(other)), ([1], list[int]()))
        equal(await things(other), [1])

    async def test_a_unit_of_work_without_statements_opens_no_transaction(self, db: Database) -> None:
        async with db.transaction() as unit:
            equal((unit.is_open, in_transaction()), (False, False))

    async def test_in_transaction_is_true_from_the_first_statement_to_the_end(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
            equal(in_transaction(), True)
        equal(in_transaction(), False)

    async def test_after_a_statement_that_failed_only_the_end_is_left(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="earlier statement") as raised:
            async with db.transaction():
                await insert(db, 1)
                with pytest.raises(ConstraintViolated):
                    await insert(db, 1)
                await insert(db, 2)
        equal(isinstance(raised.value.__cause__, ConstraintViolated), True)
        equal(await things(db), list[int]())

    async def test_a_failure_that_was_caught_keeps_the_block_from_committing(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="earlier statement"):
            async with db.transaction():
                await insert(db, 1)
                with pytest.raises(ConstraintViolated):
                    await insert(db, 1)
        equal(await things(db), list[int]())

    async def test_a_unit_of_work_cannot_be_ended_by_a_statement(self, db: Database) -> None:
        for sql in ("COMMIT", "  rollback;", "END TRANSACTION", "begin"):
            with pytest.raises(StatementFailed, match="no statement for a unit of work"):
                async with db.transaction():
                    await insert(db, 1)
                    await db.execute(sql)
        equal(await things(db), list[int]())

    async def test_a_unit_of_work_may_have_savepoints(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
            await db.execute("SAVEPOINT here")
            await insert(db, 2)
            await db.execute("ROLLBACK TO SAVEPOINT here")
            await db.execute("RELEASE SAVEPOINT here")
            await insert(db, 3)
        equal(await things(db), [1, 3])

    async def test_a_deferred_statement_that_fails_undoes_everything(self, db: Database) -> None:
        with pytest.raises(ConstraintViolated):
            async with db.transaction() as unit:
                await insert(db, 1)
                unit.defer("INSERT INTO things (id) VALUES ($1)", 1)
        equal(await things(db), list[int]())

    async def test_statements_given_side_by_side_are_one_transaction(self, db: Database) -> None:
        async with db.transaction():
            await asyncio.gather(*(insert(db, number) for number in range(20)))
        equal(await things(db), list(range(20)))

    async def test_a_task_begun_within_does_not_write_into_the_finished_unit_of_work(self, db: Database) -> None:
        go = asyncio.Event()

        async def later() -> None:
            await go.wait()
            await insert(db, 2)

        async with db.transaction():
            await insert(db, 1)
            task = asyncio.create_task(later())
        go.set()
        with pytest.raises(NoUnitOfWork):
            await task

    async def test_calls_after_the_commit_run_outside_of_the_unit_of_work(self, db: Database) -> None:
        seen: list[bool] = []
        async with db.transaction() as unit:
            await insert(db, 1)
            unit.after_commit(lambda: seen.append(in_transaction()))
        equal(seen, [False])

    async def test_observers_hear_how_a_transaction_ended(self, replicas: Replicas) -> None:
        hooks, heard = Hooks(), list[str]()
        hooks.on(TransactionFinished, lambda record: heard.append(record.outcome))
        db = await replicas.open(hooks)
        async with db.transaction():
            await db.inbox.first_time("a", "1")
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                await db.inbox.first_time("a", "2")
                raise ValueError("no")
        equal(heard, ["committed", "rolled_back"])

    # Side by side

    async def test_no_update_is_lost_between_replicas(self, db: Database, other: Database) -> None:
        async def one(replica: Database) -> None:
            await replica.atomic(lambda: count_up(replica))

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(one(each) for each in (db, other) for _ in range(20)))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 40)

    async def test_two_that_each_read_what_the_other_writes_do_not_both_pass(
        self, db: Database, other: Database
    ) -> None:
        async def withdraw(replica: Database, name: str) -> None:
            taken = int(await replica.fetch_value("SELECT sum(value) FROM counters WHERE name IN ('left', 'right')"))
            await asyncio.sleep(0.01)
            if taken == 0:
                await replica.execute("UPDATE counters SET value = value + 1 WHERE name = $1", name)

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(
                db.atomic(lambda: withdraw(db, "left")), other.atomic(lambda: withdraw(other, "right"))
            )
        equal(await db.fetch_value("SELECT sum(value) FROM counters"), 1)

    async def test_work_that_conflicts_is_run_again_from_its_start(self, db: Database) -> None:
        attempts: list[int] = []

        async def work() -> str:
            attempts.append(len(attempts))
            await insert(db, 1)
            if len(attempts) < 3:
                raise TransactionConflict("as if another had been faster")
            return "done"

        equal((await db.atomic(work), attempts, await things(db)), ("done", [0, 1, 2], [1]))

    async def test_work_within_a_unit_of_work_leaves_a_conflict_to_the_outer_one(self, db: Database) -> None:
        attempts: list[int] = []

        async def work() -> None:
            attempts.append(1)
            raise TransactionConflict("as if another had been faster")

        with pytest.raises(TransactionConflict):
            async with db.transaction():
                await db.atomic(work)
        equal(len(attempts), 1)

    async def test_work_that_always_conflicts_is_told_at_the_deadline(self, db: Database) -> None:
        runs: list[float] = []

        async def work() -> None:
            runs.append(context.remaining() or 0.0)
            raise TransactionConflict("as if another had been faster")

        context = new_context(timeout=0.2)
        with use(context), pytest.raises(TransactionConflict):
            await db.atomic(work)
        equal((len(runs) > 1, min(runs) > 0.0), (True, True))

    async def test_work_is_not_run_again_once_the_deadline_has_passed(self, db: Database) -> None:
        runs: list[int] = []

        async def work() -> None:
            runs.append(1)
            await until(lambda: context.remaining() == 0.0)
            raise TransactionConflict("as if another had been faster")

        context = new_context(timeout=0.01)
        with use(context), pytest.raises(TransactionConflict):
            await db.atomic(work)
        equal(runs, [1])

    async def test_work_that_always_conflicts_without_a_deadline_is_told_in_the_end(self, db: Database) -> None:
        runs: list[int] = []

        async def work() -> None:
            runs.append(1)
            raise TransactionConflict("as if another had been faster")

        hasty = await Database.over(db.engine, clock=HastyClock())
        with pytest.raises(TransactionConflict):
            await hasty.atomic(work)
        equal(len(runs), CONFLICTS + 1)

    async def test_relaxed_work_never_conflicts(self, db: Database, other: Database) -> None:
        async def one(replica: Database) -> None:
            async with replica.transaction("read committed"):
                await replica.execute("UPDATE counters SET value = value + 1 WHERE name = 'n'")

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(one(each) for each in (db, other) for _ in range(20)))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 40)

    # Cancellation

    async def test_a_cancelled_unit_of_work_is_undone_and_the_next_one_gets_its_turn(self, db: Database) -> None:
        pause = Pause()

        async def hang() -> None:
            async with db.transaction():
                await insert(db, 1)
                await pause()

        task = asyncio.create_task(hang())
        await pause.reached.wait()
        task.cancel()
        async with db.transaction():
            await insert(db, 2)
        equal(await things(db), [2])

    async def test_units_of_work_cancelled_anywhere_leave_no_transaction_open(self, db: Database) -> None:
        async def one(number: int) -> None:
            async with db.transaction():
                await insert(db, number)
                db.outbox.add(made(number))

        for steps in range(30):
            tasks = [asyncio.create_task(one(steps * 10 + each)) for each in range(10)]
            await ticks(steps)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(db.atomic(partial(insert, db, number)) for number in range(1000, 1020)))
        messages = [row.message.decode(ThingMade).id for row in await db.outbox.pending(1000)]
        equal(sorted(messages), [each for each in await things(db) if each < 1000])

    async def test_a_cancelled_read_leaves_the_connection_fit_for_the_next(self, db: Database) -> None:
        for steps in range(20):
            tasks = [asyncio.create_task(db.fetch_value("SELECT count(*) FROM things")) for _ in range(10)]
            await ticks(steps)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(DEADLINE):
            equal(await asyncio.gather(*(db.fetch_value("SELECT count(*) FROM things") for _ in range(20))), [0] * 20)

    async def test_a_commit_is_not_interrupted_and_its_calls_are_made(self, db: Database) -> None:
        called: list[int] = []

        async def work(number: int) -> None:
            async with db.transaction() as unit:
                await insert(db, number)
                unit.after_commit(lambda: called.append(number))
                asyncio.get_running_loop().call_soon(tasks[number].cancel)

        tasks = [asyncio.create_task(work(number)) for number in range(5)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        equal([type(each) for each in results], [asyncio.CancelledError] * 5)
        equal((sorted(called), await things(db)), ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]))

    async def test_one_that_waits_for_another_can_be_cancelled(self, db: Database, other: Database) -> None:
        async def again() -> None:
            async with db.transaction():
                await insert(db, 1)

        async with other.transaction():
            await insert(other, 1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await again()
        with pytest.raises(ConstraintViolated):
            await again()

    # Duplicates

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

    # Outbox, inbox, replies, dead letters

    async def test_messages_wait_in_the_outbox_in_the_order_of_their_emission(self, db: Database) -> None:
        async with db.transaction():
            for number in range(3):
                db.outbox.add(made(number))
        equal((db.outbox.committed.is_set(), await outbox(db)), (True, [0, 1, 2]))

    async def test_messages_of_units_that_wrote_one_row_wait_in_the_order_of_their_commits(
        self, db: Database, other: Database
    ) -> None:
        async def work(replica: Database) -> None:
            replica.outbox.add(made(await count_up(replica)))

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(each.atomic(partial(work, each)) for each in (db, other) for _ in range(20)))
        equal(await outbox(db), list(range(1, 41)))

    async def test_a_message_committed_late_is_not_passed_over(self, db: Database, other: Database) -> None:
        pause = Pause()

        async def slow() -> None:
            async with other.transaction() as unit:
                other.outbox.add(made(1))
                await unit.execute("UPDATE counters SET value = 1 WHERE name = 'right'")
                await pause()

        if db.engine.dialect.name == "sqlite":  # one writer: nothing can be committed while another is at work
            pause.go_on.set()
        task = asyncio.create_task(slow())
        await pause.reached.wait()
        async with db.transaction("read committed"):
            db.outbox.add(made(2))
        await confirm(db, [row.seq for row in await db.outbox.pending()])
        pause.go_on.set()
        await task
        await confirm(db, [row.seq for row in await db.outbox.pending()])
        equal(await db.outbox.count(), 0)
        equal(await db.outbox.sweep(before=4e9), 2)

    async def test_a_confirmed_message_is_not_pending_and_is_swept_later(self, db: Database) -> None:
        async with db.transaction():
            for number in range(3):
                db.outbox.add(made(number))
        await confirm(db, [row.seq for row in (await db.outbox.pending())[:2]])
        equal((await outbox(db), await db.outbox.count()), ([2], 1))
        equal((await db.outbox.sweep(before=0.0), await db.outbox.sweep(before=4e9)), (0, 2))

    async def test_the_same_message_cannot_be_added_twice(self, db: Database) -> None:
        message = made(1)
        with pytest.raises(ConstraintViolated):
            async with db.transaction():
                db.outbox.add(message)
                db.outbox.add(message)
        equal(await db.outbox.count(), 0)

    async def test_the_inbox_knows_a_repetition_per_consumer(self, db: Database) -> None:
        async with db.transaction():
            equal(await db.inbox.first_time("a", "1"), True)
            equal(await db.inbox.first_time("a", "1"), False)
            equal(await db.inbox.first_time("b", "1"), True)

    async def test_a_claimed_message_is_noted_once_the_transaction_opens(self, db: Database) -> None:
        async with db.transaction() as unit:
            db.inbox.claim("a", "1", "k")
            equal(unit.is_open, False)
        equal(await db.inbox.knows("a", "1"), False)
        async with db.transaction():
            db.inbox.claim("a", "1", "k")
            await insert(db, 1)
        equal(await db.inbox.knows("a", "1"), True)

    @pytest.mark.parametrize("key", ["", "k"])
    async def test_a_claim_on_a_known_message_does_nothing(self, db: Database, key: str) -> None:
        for number in (1, 2):
            with contextlib.suppress(NotItsTurn):
                async with db.transaction():
                    db.inbox.claim("a", "1", key)
                    await insert(db, number)
        equal(await things(db), [1])

    async def test_a_claim_behind_a_dead_letter_of_its_key_does_nothing(self, db: Database) -> None:
        async with db.transaction():
            await db.dead_letters.add(made(1), consumer="a", error="e", attempts=1)
        key = made(1).key
        for consumer, claimed in (("a", key), ("b", key), ("a", "other"), ("a", "")):
            with contextlib.suppress(NotItsTurn):
                async with db.transaction():
                    db.inbox.claim(consumer, f"{consumer}{claimed}", claimed)
                    await insert(db, len(f"{consumer}{claimed}"))
        equal(await db.inbox.knows("a", f"a{key}"), False)
        equal([await db.inbox.knows(*each) for each in (("b", f"b{key}"), ("a", "aother"), ("a", "a"))], [True] * 3)

    async def test_many_claims_on_two_replicas_have_each_effect_once(self, db: Database, other: Database) -> None:
        async def handle(replica: Database, message: str) -> None:
            replica.inbox.claim("shop", message, "k")
            await count_up(replica)

        async def once(replica: Database, message: str) -> None:
            with contextlib.suppress(NotItsTurn):
                await replica.atomic(partial(handle, replica, message))

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(once(each, f"m{number % 8}") for each in (db, other) for number in range(24)))
        equal(await db.fetch_value("SELECT value FROM counters WHERE name = 'n'"), 8)

    async def test_what_the_inbox_forgets_is_the_oldest_in_bounds(self, db: Database) -> None:
        async with db.transaction():
            for number in range(5):
                await db.inbox.first_time("a", str(number))
        equal([await db.inbox.sweep(4e9, limit=3) for _ in range(3)], [3, 2, 0])

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

    async def test_what_was_committed_is_there_after_opening_again(self, db: Database, connect: Connect) -> None:
        async with db.transaction():
            await insert(db, 1)
            db.outbox.add(made(1))
        await db.close()
        again = await connect()
        equal((await things(again), await again.outbox.count()), ([1], 1))
        await again.close()

    async def test_closing_twice_is_harmless(self, connect: Connect) -> None:
        db = await connect()
        await db.close()
        await db.close()


async def answer_once(db: Database, runs: list[str], pause: Pause) -> bytes:
    """What a service does with a command under a key; the answer says how often it was run."""
    db.replies.claim("k", "f")
    await db.execute("UPDATE counters SET value = value + 1 WHERE name = 'n'")
    runs.append("run")
    await pause()
    body = str(len(runs)).encode()
    db.replies.save("k", StoredReply(fingerprint="f", status=200, body=body))
    return body


async def outbox(db: Database) -> list[int]:
    """Return what waits in the outbox."""
    return [row.message.decode(ThingMade).id for row in await db.outbox.pending()]


async def confirm(db: Database, seqs: list[int]) -> None:
    """Note that these are published, as the relay of a replica does."""
    lease = db.outbox.lease(owner="suite")
    await lease.keep()
    await lease.confirm(seqs)


async def ticks(count: int) -> None:
    """Let the loop turn, so that other tasks come a little further, each time to another place."""
    for _ in range(count):
        await asyncio.sleep(0)


async def not_done_yet(task: asyncio.Task[Any]) -> None:
    """Fail when `task` ends within a moment."""
    done, _ = await asyncio.wait([task], timeout=0.2)
    if done:
        pytest.fail(f"it did not wait, but ended: {task}")


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` is true; fails after a deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - the change is in the code under test
            await asyncio.sleep(0.005)


def equal(found: object, expected: object) -> None:
    """Fail, showing both, unless they are equal."""
    if found != expected:
        pytest.fail(f"found {found!r}, expected {expected!r}")
