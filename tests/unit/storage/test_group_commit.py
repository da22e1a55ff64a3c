"""Units of work that share one commit of SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest

from atoll.storage import ConstraintViolated, Database, DiskFailed, StatementFailed, StoredReply, TransactionConflict
from atoll.storage.sqlite import SqliteEngine
from atoll.storage.sqlite.line import Line, saves_time
from atoll.storage.sqlite.members import Pace
from atoll.storage.sqlite.session import SqliteSession
from atoll.storage.sqlite.worker import Told, Worker
from tests.unit.storage.commits import Commits, always, watched

SOON = 10.0


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[tuple[Database, Commits]]:
    db, commits = await watched(tmp_path / "things.db")
    yield db, commits
    commits.succeed()
    await db.close()


@pytest.fixture
def db(watch: tuple[Database, Commits]) -> Database:
    return watch[0]


@pytest.fixture
def commits(watch: tuple[Database, Commits]) -> Commits:
    return watch[1]


async def insert(db: Database, number: int, text: str = "") -> None:
    await db.execute("INSERT INTO things (id, text) VALUES ($1, $2)", number, text)


async def ids(db: Database) -> list[int]:
    found = await db.fetch_value("SELECT json_group_array(id) FROM (SELECT id FROM things ORDER BY id)")
    return [int(each) for each in found.strip("[]").split(",") if each]


async def one(db: Database, number: int) -> None:
    async with db.transaction():
        await insert(db, number)


async def together(*work: Awaitable[object]) -> list[type[object]]:
    """Do all of it at once; return what each ended with."""
    async with asyncio.timeout(SOON):
        return [type(each) for each in await asyncio.gather(*work, return_exceptions=True)]


NOTHING = type(None)


async def test_units_of_work_that_come_together_share_one_commit(db: Database, commits: Commits) -> None:
    assert await together(*(one(db, number) for number in range(8))) == [NOTHING] * 8
    assert (commits.heard.count("BEGIN"), commits.heard.count("COMMIT")) == (1, 1)
    assert await ids(db) == list(range(8))


async def test_one_alone_is_a_plain_transaction(db: Database, commits: Commits) -> None:
    await one(db, 1)
    await one(db, 2)
    assert commits.heard == ["BEGIN", "COMMIT"] * 2


async def test_nobody_is_told_before_the_shared_commit_has_returned(db: Database, commits: Commits) -> None:
    called: list[int] = []
    go_on = Event()
    commits.wait_for(go_on)

    async def work(number: int) -> None:
        async with db.transaction() as unit:
            unit.after_commit(lambda: called.append(number))
            if number % 2:
                await insert(db, number)
            else:
                await db.fetch_value("SELECT count(*) FROM things")

    tasks = [asyncio.create_task(work(number)) for number in range(6)]
    await asyncio.to_thread(commits.arrived.wait, SOON)
    done, _ = await asyncio.wait(tasks, timeout=0.05)
    assert (len(done), called, await ids(db)) == (0, [], [])
    go_on.set()
    await asyncio.gather(*tasks)
    assert (called, await ids(db)) == ([0, 1, 2, 3, 4, 5], [1, 3, 5])


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_FSYNC])
async def test_a_commit_that_fails_fails_everyone_and_nothing_is_there(
    db: Database, commits: Commits, code: int
) -> None:
    commits.fail(code)
    assert await together(*(one(db, number) for number in range(5))) == [DiskFailed] * 5
    assert await ids(db) == []
    commits.succeed()
    await one(db, 9)
    assert await ids(db) == [9]


async def test_each_one_s_error_is_its_own(db: Database, commits: Commits) -> None:
    commits.fail(sqlite3.SQLITE_FULL)
    errors = await asyncio.gather(*(one(db, number) for number in range(3)), return_exceptions=True)
    assert len({id(each) for each in errors}) == 3


async def test_one_that_fails_is_undone_alone(db: Database, commits: Commits) -> None:
    async def change_of_mind() -> None:
        async with db.transaction():
            await insert(db, 100)
            raise ValueError("no")

    results = await together(one(db, 1), change_of_mind(), one(db, 1), one(db, 2), change_of_mind())
    assert results == [NOTHING, ValueError, ConstraintViolated, NOTHING, ValueError]
    assert (commits.heard.count("COMMIT"), await ids(db)) == (1, [1, 2])


async def test_a_last_statement_that_fails_undoes_only_its_unit_of_work(db: Database) -> None:
    async def twice(number: int) -> None:
        async with db.transaction() as unit:
            await insert(db, number + 50)
            unit.defer("INSERT INTO things (id) VALUES ($1)", 1)

    assert await together(one(db, 1), twice(1), twice(2), one(db, 2)) == [
        NOTHING,
        ConstraintViolated,
        ConstraintViolated,
        NOTHING,
    ]
    assert await ids(db) == [1, 2]


async def test_deferred_inserts_of_one_kind_go_to_the_driver_together_and_in_order(
    db: Database, commits: Commits
) -> None:
    async with db.transaction() as unit:
        for number in range(3):
            unit.defer("INSERT INTO things (text) VALUES ($1)", [number])
        unit.defer("UPDATE things SET text = text || $1 WHERE id = $2", "!", 3)
        unit.defer("INSERT INTO things (text) VALUES ($1)", "last")
    assert commits.heard == ["BEGIN", "INSERT * 3", "INSERT * 1", "COMMIT"]
    texts = await db.fetch_value("SELECT group_concat(text) FROM (SELECT text FROM things ORDER BY id)")
    assert texts == "[0],[1],[2]!,last"


async def test_of_deferred_inserts_of_which_one_fails_none_is_kept(db: Database) -> None:
    with pytest.raises(ConstraintViolated):
        async with db.transaction() as unit:
            for number in (1, 2, 1):
                unit.defer("INSERT INTO things (id) VALUES ($1)", number)
    await one(db, 7)
    assert await ids(db) == [7]


async def test_one_whose_first_member_is_undone_begins_anew(db: Database, commits: Commits) -> None:
    async def change_of_mind() -> None:
        async with db.transaction():
            await insert(db, 100)
            raise ValueError("no")

    assert await together(change_of_mind(), one(db, 1), one(db, 2)) == [ValueError, NOTHING, NOTHING]
    assert (commits.heard.count("COMMIT"), await ids(db)) == (1, [1, 2])


async def test_an_error_that_came_of_what_was_undone_is_not_told(db: Database, commits: Commits) -> None:
    async def out_of_stock() -> None:
        async with db.transaction():
            if await db.fetch_value("SELECT count(*) FROM things"):
                raise ValueError("the other one took it")

    commits.fail(sqlite3.SQLITE_FULL)
    assert await together(one(db, 1), out_of_stock()) == [DiskFailed, DiskFailed]


async def test_a_full_disk_met_by_one_fails_everyone(db: Database) -> None:
    async with db.transaction():
        pages = await db.fetch_value("PRAGMA page_count")
        await db.fetch_value(f"PRAGMA max_page_count = {pages}")

    async def too_much() -> None:
        async with db.transaction():
            await insert(db, 2, "x" * 100_000)

    assert await together(one(db, 1), too_much(), one(db, 3)) == [DiskFailed] * 3
    assert await ids(db) == []
    await one(db, 4)
    assert await ids(db) == [4]


async def test_a_full_disk_that_is_caught_still_fails_everyone(db: Database) -> None:
    async with db.transaction():
        pages = await db.fetch_value("PRAGMA page_count")
        await db.fetch_value(f"PRAGMA max_page_count = {pages}")

    async def careless() -> None:
        async with db.transaction():
            with pytest.raises(DiskFailed):
                await insert(db, 2, "x" * 100_000)

    assert await together(one(db, 1), careless(), one(db, 3)) == [DiskFailed, StatementFailed, DiskFailed]
    assert await ids(db) == []


async def test_one_at_whose_statement_sqlite_undid_the_others_leaves_them_to_run_again(db: Database) -> None:
    async def ruin() -> None:
        await db.execute("INSERT OR ROLLBACK INTO things (id) VALUES (1)")

    work: list[Callable[[], Awaitable[None]]] = [partial(insert, db, 1), ruin, partial(insert, db, 2)]
    results = await together(*(db.atomic(each) for each in work))
    assert results == [NOTHING, ConstraintViolated, NOTHING]
    assert await ids(db) == [1, 2]


async def test_one_that_ends_the_transaction_by_hand_leaves_the_others_to_run_again(db: Database) -> None:
    async def by_hand() -> None:
        async with db.transaction() as unit:
            session = cast(SqliteSession, await unit.session())
            await session.run(sqlite3.Connection.execute, "ROLLBACK")

    assert await together(db.atomic(partial(insert, db, 1)), by_hand(), one(db, 2)) == [
        NOTHING,
        TransactionConflict,
        TransactionConflict,
    ]
    assert await ids(db) == [1]


async def test_a_deferred_constraint_is_held_against_the_one_that_broke_it(db: Database) -> None:
    await db.engine.script(
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, "
        "thing INTEGER REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)"
    )

    async def orphan() -> None:
        await db.execute("INSERT INTO parts (thing) VALUES (77)")

    work: list[Callable[[], Awaitable[None]]] = [partial(insert, db, 1), orphan, partial(insert, db, 2)]
    for _ in range(2):
        assert await together(*(db.atomic(each) for each in work)) == [NOTHING, ConstraintViolated, NOTHING]
        work[0], work[2] = partial(insert, db, 3), partial(insert, db, 4)
    assert (await ids(db), await db.fetch_value("SELECT count(*) FROM parts")) == ([1, 2, 3, 4], 0)


async def test_one_cancelled_as_its_turn_comes_keeps_nobody_from_the_commit(db: Database) -> None:
    for steps in range(40):
        first = asyncio.create_task(one(db, 1000 + steps))
        last = asyncio.create_task(one(db, steps))
        for _ in range(steps):
            await asyncio.sleep(0)
        last.cancel()
        async with asyncio.timeout(SOON):
            await first
            await asyncio.wait([last])
    assert [each for each in await ids(db) if each >= 1000] == list(range(1000, 1040))


async def test_one_that_holds_others_up_for_long_is_undone_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Line.__init__, "__kwdefaults__", {"patience": 0.01})
    db, _ = await watched(tmp_path / "slow.db")
    told, runs = asyncio.Event(), list[int]()

    async def first() -> None:
        async with db.transaction() as unit:
            unit.after_commit(told.set)
            await insert(db, 1)

    async def waits_for_the_first() -> None:
        runs.append(await db.fetch_value("SELECT count(*) FROM things"))
        await told.wait()
        await insert(db, 2)

    assert await together(first(), db.atomic(waits_for_the_first), one(db, 3)) == [NOTHING] * 3
    assert (runs, await ids(db)) == ([1, 2], [1, 2, 3])
    await db.close()


async def test_one_that_held_others_up_is_told_so_when_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line.__init__, "__kwdefaults__", {"patience": 0.01})
    db, _ = await watched(tmp_path / "slow.db")
    told = asyncio.Event()

    async def first() -> None:
        async with db.transaction() as unit:
            unit.after_commit(told.set)
            await insert(db, 1)

    async def slow() -> None:
        async with db.transaction():
            await insert(db, 2)
            await told.wait()

    assert await together(first(), slow()) == [NOTHING, TransactionConflict]
    assert await ids(db) == [1]
    await db.close()


async def test_what_waits_when_the_database_is_closed_is_committed(db: Database, tmp_path: Path) -> None:
    tasks = [asyncio.create_task(one(db, number)) for number in range(5)]
    await asyncio.sleep(0)
    await db.close()
    assert await together(*tasks) == [NOTHING] * 5
    again = await Database.open(f"sqlite:///{tmp_path}/things.db")
    assert await ids(again) == list(range(5))
    await again.close()


async def test_a_script_between_units_of_work_is_a_transaction_of_its_own(db: Database) -> None:
    script = db.engine.script("INSERT INTO things (id) SELECT 100 + count(*) FROM things")
    assert await together(one(db, 1), one(db, 2), script, one(db, 3)) == [NOTHING] * 4
    assert await ids(db) == [1, 2, 3, 102]


async def test_a_shared_commit_that_another_process_precedes_is_a_conflict_that_passes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shared.db"
    engines = [await SqliteEngine.open(path, pays=always) for _ in range(2)]
    replicas = [await Database.over(each) for each in engines]
    await engines[0].script("CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT)")
    work = [
        each.atomic(partial(insert, each, number + 100 * n)) for n, each in enumerate(replicas) for number in range(20)
    ]
    assert await together(*work) == [NOTHING] * 40
    assert len(await ids(replicas[0])) == 40
    for each in replicas:
        await each.close()


@pytest.mark.parametrize(
    ("hold", "commit", "done", "waiting", "pays"),
    [
        (0.0, 0.0, 1, 1, True),  # nothing is known yet
        (0.001, 0.005, 1, 1, True),
        (0.010, 0.005, 1, 1, False),  # it would wait longer than the next one gains
        (0.010, 0.005, 1, 3, True),  # but many gain
        (0.001, 0.005, 20, 3, False),  # many wait for few
    ],
)
def test_the_turn_is_handed_on_while_that_saves_more_than_it_costs(
    hold: float, commit: float, done: int, waiting: int, pays: bool
) -> None:
    assert saves_time(Pace(hold=hold, commit=commit), done, waiting) is pays


async def test_a_command_with_a_key_and_one_statement_goes_to_the_thread_twice(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    post = Worker.post

    def counted(worker: Worker, told: Told, function: Callable[..., Any], *args: Any) -> None:
        given.append(function)
        post(worker, told, function, *args)

    monkeypatch.setattr(Worker, "post", counted)
    async with db.transaction():
        db.replies.claim("k", "f")
        await insert(db, 1)
        db.replies.save("k", StoredReply(fingerprint="f", status=200, body=b""))
    assert len(given) == 2
