"""The unit of work on SQLite: all or nothing, one at a time, lazily opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from atoll.contracts import Event, Message, message_of
from atoll.core.context import new_context
from atoll.core.hooks import Hooks
from atoll.storage import (
    ConstraintViolated,
    Database,
    DatabaseUnusable,
    NoUnitOfWork,
    StatementFailed,
    StorageError,
    StoredReply,
    in_transaction,
)
from atoll.storage.records import TransactionFinished


class Thing(msgspec.Struct):
    id: int
    name: str = ""
    fresh: bool = False
    tags: list[str] = []


class ThingMade(Event, key="id"):
    id: int


def made(number: int) -> Message:
    return message_of(ThingMade(id=number), source="things", context=new_context(), time=1.0)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/things.db")
    await database.engine.script("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, fresh INTEGER, tags TEXT)")
    yield database
    await database.close()


async def insert(db: Database, number: int) -> None:
    await db.execute("INSERT INTO things (id, name, fresh, tags) VALUES ($1, $2, $3, $4)", number, "x", True, ["a"])


async def count(db: Database) -> int:
    return int(await db.fetch_value("SELECT count(*) FROM things"))


async def test_rows_come_back_as_structs_with_json_columns_decoded(db: Database) -> None:
    async with db.transaction():
        await insert(db, 1)
    row = await db.fetch_one(Thing, "SELECT id, name, fresh, tags FROM things WHERE id = $1", 1)
    assert row == Thing(id=1, name="x", fresh=True, tags=["a"])


async def test_fetch_one_gives_none_when_there_is_no_row(db: Database) -> None:
    assert await db.fetch_one(Thing, "SELECT * FROM things") is None


async def test_a_row_that_does_not_fit_is_told_by_its_column(db: Database) -> None:
    with pytest.raises(StorageError, match=r"Thing: .*id"):
        await db.fetch_one(Thing, "SELECT 'one' AS id")


async def test_an_error_in_the_block_undoes_everything(db: Database) -> None:
    with pytest.raises(ValueError, match="no"):
        async with db.transaction():
            await insert(db, 1)
            db.outbox.add(made(1))
            raise ValueError("no")
    assert (await count(db), await db.outbox.count()) == (0, 0)


async def test_a_nested_block_joins_the_outer_one(db: Database) -> None:
    with pytest.raises(ValueError, match="no"):
        async with db.transaction():
            async with db.transaction():
                await insert(db, 1)
            raise ValueError("no")
    assert await count(db) == 0


async def test_a_write_outside_of_a_unit_of_work_is_refused(db: Database) -> None:
    with pytest.raises(NoUnitOfWork, match="needs a unit of work"):
        await insert(db, 1)


async def test_a_read_outside_of_a_unit_of_work_cannot_write(db: Database) -> None:
    with pytest.raises(StatementFailed, match="readonly"):
        await db.fetch_value("INSERT INTO things (id) VALUES (1) RETURNING id")


async def test_a_broken_constraint_has_a_type_of_its_own(db: Database) -> None:
    with pytest.raises(ConstraintViolated):
        async with db.transaction():
            await insert(db, 1)
            await insert(db, 1)


async def test_a_failing_statement_is_shown_in_the_error(db: Database) -> None:
    with pytest.raises(StatementFailed, match="SELECT nonsense"):
        await db.fetch_value("SELECT nonsense")


async def test_a_unit_of_work_without_statements_opens_no_transaction(db: Database) -> None:
    async with db.transaction() as unit:
        assert not unit.is_open
        assert not in_transaction()


async def test_in_transaction_is_true_from_the_first_statement_to_the_end(db: Database) -> None:
    async with db.transaction():
        await insert(db, 1)
        assert in_transaction()
    assert not in_transaction()


async def test_units_of_work_take_turns_and_none_is_lost(db: Database) -> None:
    async def one(number: int) -> None:
        async with db.transaction():
            seen = await count(db)
            await asyncio.sleep(0)
            await db.execute("INSERT INTO things (id, name) VALUES ($1, $2)", number, str(seen))

    await asyncio.gather(*(one(number) for number in range(50)))
    names = await db.fetch_all(Thing, "SELECT id, name FROM things")
    assert sorted(int(row.name) for row in names) == list(range(50))


async def test_a_cancelled_unit_of_work_is_undone_and_the_next_one_gets_its_turn(db: Database) -> None:
    started = asyncio.Event()

    async def hang() -> None:
        async with db.transaction():
            await insert(db, 1)
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await started.wait()
    task.cancel()
    async with db.transaction():
        await insert(db, 2)
    assert await db.fetch_value("SELECT group_concat(id) FROM things") == "2"


async def test_a_task_begun_within_does_not_write_into_the_finished_unit_of_work(db: Database) -> None:
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


async def test_calls_after_the_commit_run_outside_of_the_unit_of_work(db: Database) -> None:
    seen: list[bool] = []
    async with db.transaction() as unit:
        await insert(db, 1)
        unit.after_commit(lambda: seen.append(in_transaction()))
    assert seen == [False]


async def test_observers_hear_how_a_transaction_ended(tmp_path: Path) -> None:
    hooks, heard = Hooks(), list[str]()
    hooks.on(TransactionFinished, lambda record: heard.append(record.outcome))
    db = await Database.open(f"sqlite:///{tmp_path}/a.db", hooks=hooks)
    async with db.transaction():
        await db.inbox.first_time("a", "1")
    with pytest.raises(ValueError, match="no"):
        async with db.transaction():
            await db.inbox.first_time("a", "2")
            raise ValueError("no")
    await db.close()
    assert heard == ["committed", "rolled_back"]


async def test_messages_wait_in_the_outbox_in_the_order_of_their_emission(db: Database) -> None:
    async with db.transaction():
        for number in range(3):
            db.outbox.add(made(number))
    assert db.outbox.committed.is_set()
    rows = await db.outbox.pending()
    assert [row.message.decode(ThingMade).id for row in rows] == [0, 1, 2]


async def test_a_confirmed_message_is_not_pending_and_is_swept_later(db: Database) -> None:
    async with db.transaction():
        db.outbox.add(made(1))
    await db.outbox.confirm([row.seq for row in await db.outbox.pending()])
    assert await db.outbox.pending() == []
    assert await db.outbox.sweep(before=4e9) == 1


async def test_the_inbox_knows_a_repetition_per_consumer(db: Database) -> None:
    async with db.transaction():
        assert await db.inbox.first_time("a", "1")
        assert not await db.inbox.first_time("a", "1")
        assert await db.inbox.first_time("b", "1")


async def test_a_stored_reply_is_found_after_the_commit(db: Database) -> None:
    reply = StoredReply(fingerprint="f", status=201, body=b"{}")
    async with db.transaction():
        db.replies.save("k", reply)
    assert await db.replies.find("k") == reply
    assert await db.replies.find("other") is None


async def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    db = await Database.open(url)
    async with db.transaction():
        db.outbox.add(made(1))
    await db.close()
    db = await Database.open(url)
    assert await db.outbox.count() == 1
    await db.close()


async def test_a_file_that_is_no_database_is_refused_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DatabaseUnusable, match=r"a\.db cannot be used .*move it away"):
        await Database.open(f"sqlite:///{tmp_path}/a.db")


async def test_commits_are_synced_to_the_disk(db: Database) -> None:
    async with db.transaction():
        assert await db.fetch_value("PRAGMA synchronous") == 2
        assert await db.fetch_value("PRAGMA journal_mode") == "wal"
