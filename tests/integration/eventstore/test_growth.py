"""What a page of the feed costs does not grow with what lies before it, nor wait for a database's statistics."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from atoll.core.ids import new_id
from atoll.eventstore import EVERYTHING, EventStore, NewEvent, Query
from atoll.storage import Database
from atoll.storage.port import Result, Statement
from atoll.storage.rows import bind
from atoll.storage.sqlite.engine import SqliteEngine

EVENTS = 20_000
BLOCKS = 60
"""Of 8 KiB: what a page of ten events may touch, where the whole store has about a thousand."""
STEPS = 2000
"""Instructions of SQLite's machine: what such a page may take, where a walk through the store takes over a hundred
thousand."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: str) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/events.db" if request.param == "sqlite" else postgres_database
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def store(db: Database) -> AsyncIterator[EventStore]:
    store = await EventStore.over(db)
    for _ in range(EVENTS // 1000):
        await store.append(new_id(), [NewEvent(type="shop.OrderPlaced.v1", data=b"{}") for _ in range(1000)])
    yield store
    await store.close()


@pytest.mark.parametrize("query", [EVERYTHING, Query.of(types=["shop.OrderPlaced.v1"])], ids=["all", "a type"])
async def test_a_page_touches_what_it_returns_and_no_more(
    db: Database, store: EventStore, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    while len(events := await store.read_all(query=query, limit=EVENTS)) < EVENTS:
        pass  # what runs elsewhere on the server may hold the feed back
    last = events[-11].position
    asked = asked_of(db, monkeypatch)
    assert len(await store.read_all(query=query, after=last)) == 10
    assert await touches_little(db, asked[-1])


async def test_the_end_is_found_without_a_walk(
    db: Database, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_of(db, monkeypatch)
    await store.end()
    assert await touches_little(db, asked[-1])


def asked_of(db: Database, monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """Return a list that grows by each statement read outside of a unit of work."""
    asked: list[Statement] = []
    read = db.engine.read

    async def noting(statement: Statement) -> Result:
        asked.append(statement)
        return await read(statement)

    monkeypatch.setattr(db.engine, "read", noting)
    return asked


async def touches_little(db: Database, statement: Statement) -> bool:
    """Tell whether a statement reads but a small part of the store."""
    if isinstance(db.engine, SqliteEngine):
        return steps_of(db.engine.path, statement) < STEPS
    explained = Statement(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql}", statement.args)
    [top] = json.loads((await db.engine.read(explained)).rows[0][0])
    return int(top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"]) < BLOCKS


def steps_of(path: Path, statement: Statement) -> int:
    """Return how many instructions of its virtual machine SQLite takes."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(sqlite3.connect(path)) as connection:
        connection.set_progress_handler(step, 1)
        args = {str(place): bind(value) for place, value in enumerate(statement.args, 1)}
        connection.execute(statement.sql, args).fetchall()
    return steps
