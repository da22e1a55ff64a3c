"""The event stores that are measured, each behind the same three calls."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from atoll.core import new_id
from atoll.eventstore import START, EventStore, NewEvent

DATA: Final = b'{"order":"' + b"x" * 180 + b'"}'
TYPE: Final = "shop.OrderPlaced.v1"
PAGE: Final = 1000
THREADS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """`append` to a stream that is at some version so many events; the others return how many they have read."""

    append: Callable[[str, int, int], Awaitable[object]]
    read_feed: Callable[[], Awaitable[int]]
    read_stream: Callable[[str], Awaitable[int]]


@asynccontextmanager
async def _atoll(url: str) -> AsyncGenerator[Contestant]:
    store = await EventStore.open(url)

    async def append(stream: str, version: int, count: int) -> object:
        events = [NewEvent(type=TYPE, data=DATA) for _ in range(count)]
        return await store.append(stream, events, expected=version)

    async def read_feed() -> int:
        count, position = 0, START
        while page := await store.read_all(after=position, limit=PAGE):
            count, position = count + len(page), page[-1].position
        return count

    async def read_stream(stream: str) -> int:
        return len(await store.read(stream))

    yield Contestant(append=append, read_feed=read_feed, read_stream=read_stream)
    await store.close()


@asynccontextmanager
async def _eventsourcing(url: str) -> AsyncGenerator[Contestant]:
    """The library's recorder, in threads."""
    store = _datastore(url)
    sqlite = isinstance(store, SQLiteDatastore)
    recorder: Any = SQLiteApplicationRecorder(store) if sqlite else PostgresApplicationRecorder(store)
    recorder.create_table()

    def append(stream: str, version: int, count: int) -> None:
        name = UUID(stream)
        recorder.insert_events([StoredEvent(name, version + each + 1, TYPE, DATA) for each in range(count)])

    def read_feed() -> int:
        count = last = 0
        while page := recorder.select_notifications(start=last, limit=PAGE, inclusive_of_start=False):
            count, last = count + len(page), page[-1].id
        return count

    with ThreadPoolExecutor(THREADS) as threads:
        yield Contestant(
            append=_in(threads, append),
            read_feed=_in(threads, read_feed),
            read_stream=_in(threads, lambda stream: len(recorder.select_events(UUID(stream)))),
        )
    store.close()


def _datastore(url: str) -> SQLiteDatastore | PostgresDatastore:
    if url.startswith("sqlite:///"):
        return SQLiteDatastore(path_of(url), pool_size=THREADS, pool_timeout=60.0, lock_timeout=60)
    parts = urlsplit(url)
    return PostgresDatastore(
        parts.path[1:],
        parts.hostname or "127.0.0.1",
        parts.port or 5432,
        parts.username or "postgres",
        parts.password or "",
        pool_size=THREADS,
        connect_timeout=60,
    )


def path_of(url: str) -> str:
    """Return the file of a SQLite URL."""
    return url.removeprefix("sqlite:///")


class Coalesced:
    """Group commit in its plainest form: what came while the last statement ran goes into the next one."""

    def __init__(self, insert: Callable[[list[tuple[Any, ...]]], Awaitable[object]]) -> None:
        self._insert = insert
        self._waiting: list[tuple[list[tuple[Any, ...]], asyncio.Future[None]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, stream: str, version: int, count: int) -> None:
        rows = [(stream, version + each + 1, new_id(), TYPE, DATA) for each in range(count)]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        await done

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting, []
            await self._insert([row for rows, _ in batch for row in rows])
            for _, done in batch:
                done.set_result(None)
        self._worker = None


TABLE: Final = """
CREATE TABLE raw (number {serial}, tenant TEXT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL,
    id TEXT NOT NULL, type TEXT NOT NULL, data {bytes} NOT NULL, tags TEXT, metadata TEXT, correlation TEXT NOT NULL,
    causation TEXT NOT NULL, time DOUBLE PRECISION NOT NULL, UNIQUE (tenant, stream, version));
CREATE INDEX raw_id ON raw (id);
"""
OF_FEED: Final = f"SELECT * FROM raw WHERE number > $1 ORDER BY number LIMIT {PAGE}"
OF_STREAM: Final = "SELECT * FROM raw WHERE tenant = '' AND stream = $1 ORDER BY version"


def _raw(url: str) -> AbstractAsyncContextManager[Contestant]:
    return _raw_sqlite(path_of(url)) if url.startswith("sqlite:///") else _raw_postgres(url)


@asynccontextmanager
async def _raw_sqlite(path: str) -> AsyncGenerator[Contestant]:
    connection = raw_connection(path)
    connection.executescript(TABLE.format(serial="INTEGER PRIMARY KEY", bytes="BLOB"))

    def insert(rows: list[tuple[Any, ...]]) -> None:
        now = time.time()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO raw VALUES (NULL, '', ?, ?, ?, ?, ?, NULL, NULL, '', '', ?)", [(*row, now) for row in rows]
        )
        connection.execute("COMMIT")

    def read_feed() -> int:
        count = last = 0
        while page := connection.execute(OF_FEED, (last,)).fetchall():
            count, last = count + len(page), page[-1][0]
        return count

    with ThreadPoolExecutor(1) as thread:
        yield Contestant(
            append=Coalesced(_in(thread, insert)),
            read_feed=_in(thread, read_feed),
            read_stream=_in(thread, lambda stream: len(connection.execute(OF_STREAM, (stream,)).fetchall())),
        )
    connection.close()


def raw_connection(path: str) -> sqlite3.Connection:
    """Open a file as durably as Atoll does, for any one thread."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    return connection


@asynccontextmanager
async def _raw_postgres(url: str) -> AsyncGenerator[Contestant]:
    connection: Any = await asyncpg.connect(url)
    await connection.execute(TABLE.format(serial="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", bytes="BYTEA"))
    sql = """
        INSERT INTO raw (tenant, stream, version, id, type, data, correlation, causation, time)
        SELECT '', e.*, '', '', $6::double precision
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bytea[]) AS e RETURNING number
    """

    async def insert(rows: list[tuple[Any, ...]]) -> None:
        await connection.fetch(sql, *[list(column) for column in zip(*rows, strict=True)], time.time())

    async def read_feed() -> int:
        count = last = 0
        while page := await connection.fetch(OF_FEED, last):
            count, last = count + len(page), page[-1]["number"]
        return count

    async def read_stream(stream: str) -> int:
        return len(await connection.fetch(OF_STREAM, stream))

    yield Contestant(append=Coalesced(insert), read_feed=read_feed, read_stream=read_stream)
    await connection.close()


def _in(threads: ThreadPoolExecutor, call: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    return lambda *args: asyncio.get_running_loop().run_in_executor(threads, call, *args)


CONTESTANTS: Final[Mapping[str, Callable[[str], AbstractAsyncContextManager[Contestant]]]] = {
    "atoll": _atoll,
    "eventsourcing": _eventsourcing,
    "raw driver": _raw,
}
