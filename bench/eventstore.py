"""Event stores side by side: Atoll's, the `eventsourcing` library, and the bare driver doing group commit.

    python bench/eventstore.py [--seconds 2] [--rounds 3] [--postgres postgresql://postgres@127.0.0.1/postgres]

Each contestant runs for a short while, in turns, so that a noisy machine is noisy to all of them; the best round
counts. All commits are durable (SQLite `synchronous=FULL`, PostgreSQL `synchronous_commit=on`). `eventsourcing` runs
in threads, as it is synchronous, and in its safe, locking mode: without POSTGRES_ENABLE_DB_FUNCTIONS, which loses
events to those who follow. It needs `pip install eventsourcing 'psycopg[binary,pool]'`; without, it is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sqlite3
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import uvloop

from atoll.core.ids import new_id
from atoll.eventstore import START, EventStore, NewEvent
from atoll.storage import Database
from atoll.testing.postgres import postgres_database

DATA = b'{"order":"' + b"x" * 180 + b'"}'

Append = Callable[[str, int, int], Awaitable[object]]
"""Append to a stream that is at some version so many events."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a round does."""

    name: str
    writers: int
    batch: int


SHAPES = (Shape("1 writer", 1, 1), Shape("32 writers", 32, 1), Shape("1 writer, batches of 100", 1, 100))


async def measured(append: Append, shape: Shape, seconds: float) -> tuple[float, float, float]:
    """Return events a second, the median latency, and the processor time of an event here (both in seconds)."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds

    async def write() -> None:
        stream, version = str(uuid4()), 0
        while (began := time.perf_counter()) < until:
            await append(stream, version, shape.batch)
            version += shape.batch
            latencies.append(time.perf_counter() - began)

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(write() for _ in range(shape.writers)))
    events = len(latencies) * shape.batch
    return events / (time.perf_counter() - began), median(latencies), (time.process_time() - used) / events


@asynccontextmanager
async def atoll(url: str) -> AsyncGenerator[Append]:
    store = await EventStore.open(url)

    async def append(stream: str, version: int, count: int) -> object:
        events = [NewEvent(type="shop.OrderPlaced.v1", data=DATA) for _ in range(count)]
        return await store.append(stream, events, expected=version)

    yield append
    await store.close()


class Coalesced:
    """Group commit in its plainest form: what came while the last statement ran goes into the next one."""

    def __init__(self, insert: Callable[[list[tuple[Any, ...]]], Awaitable[object]]) -> None:
        self._insert = insert
        self._waiting: list[tuple[list[tuple[Any, ...]], asyncio.Future[None]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, stream: str, version: int, count: int) -> None:
        rows = [(stream, version + each + 1, new_id(), "shop.OrderPlaced.v1", DATA) for each in range(count)]
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


_RAW = """
CREATE TABLE raw (number {serial}, tenant TEXT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL,
    id TEXT NOT NULL, type TEXT NOT NULL, data {bytes} NOT NULL, tags TEXT, metadata TEXT, correlation TEXT NOT NULL,
    causation TEXT NOT NULL, time DOUBLE PRECISION NOT NULL, UNIQUE (tenant, stream, version));
CREATE INDEX raw_id ON raw (id);
"""


@asynccontextmanager
async def raw_sqlite(path: str) -> AsyncGenerator[Append]:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + _RAW.format(serial="INTEGER PRIMARY KEY", bytes="BLOB")
    )
    thread = ThreadPoolExecutor(1)

    def insert(rows: list[tuple[Any, ...]]) -> None:
        now = time.time()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO raw VALUES (NULL, '', ?, ?, ?, ?, ?, NULL, NULL, '', '', ?)", [(*row, now) for row in rows]
        )
        connection.execute("COMMIT")

    yield Coalesced(lambda rows: asyncio.get_running_loop().run_in_executor(thread, insert, rows))
    thread.shutdown()
    connection.close()


@asynccontextmanager
async def raw_postgres(url: str) -> AsyncGenerator[Append]:
    connection = await asyncpg.connect(url)
    await connection.execute(_RAW.format(serial="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", bytes="BYTEA"))
    sql = """
        INSERT INTO raw (tenant, stream, version, id, type, data, correlation, causation, time)
        SELECT '', e.*, '', '', $6::double precision
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bytea[]) AS e RETURNING number
    """

    async def insert(rows: list[tuple[Any, ...]]) -> None:
        await connection.fetch(sql, *[list(column) for column in zip(*rows, strict=True)], time.time())

    yield Coalesced(insert)
    await connection.close()


@asynccontextmanager
async def eventsourcing_sqlite(path: str) -> AsyncGenerator[Append]:
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

    store = SQLiteDatastore(path, pool_size=32, pool_timeout=60.0, lock_timeout=60)
    with threaded(SQLiteApplicationRecorder(store)) as append:
        yield append
    store.close()


@asynccontextmanager
async def eventsourcing_postgres(url: str) -> AsyncGenerator[Append]:
    from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

    parts = urlsplit(url)
    store = PostgresDatastore(
        parts.path[1:],
        parts.hostname or "127.0.0.1",
        parts.port or 5432,
        parts.username or "postgres",
        parts.password or "",
        pool_size=32,
        connect_timeout=60,
    )
    with threaded(PostgresApplicationRecorder(store)) as append:
        yield append
    store.close()


@contextlib.contextmanager
def threaded(recorder: Any) -> Iterator[Append]:
    from eventsourcing.persistence import StoredEvent

    recorder.create_table()
    threads = ThreadPoolExecutor(32)

    def insert(stream: str, version: int, count: int) -> None:
        recorder.insert_events(
            [StoredEvent(stream, version + each + 1, "shop:OrderPlaced", DATA) for each in range(count)]
        )

    yield lambda *args: asyncio.get_running_loop().run_in_executor(threads, insert, *args)
    threads.shutdown()


def contestants(folder: Path, urls: dict[str, str]) -> dict[str, dict[str, Callable[[], Any]]]:
    """Return how to open each contestant, on each engine."""
    found = {
        "SQLite": {
            "atoll": lambda: atoll(f"sqlite:///{folder}/atoll.db"),
            "raw driver": lambda: raw_sqlite(f"{folder}/raw.db"),
            "eventsourcing": lambda: eventsourcing_sqlite(f"{folder}/peer.db"),
        },
        "PostgreSQL": {
            "atoll": lambda: atoll(urls["atoll"]),
            "raw driver": lambda: raw_postgres(urls["raw driver"]),
            "eventsourcing": lambda: eventsourcing_postgres(urls["eventsourcing"]),
        },
    }
    if find_spec("eventsourcing") is None:
        for each in found.values():
            del each["eventsourcing"]
    return found


async def duel(engine: str, those: dict[str, Callable[[], Any]], rounds: int, seconds: float) -> None:
    """Let the contestants of one engine run in turns, and print the best round of each."""
    async with AsyncExitStack() as stack:
        appends = {name: await stack.enter_async_context(opened()) for name, opened in those.items()}
        for append in appends.values():
            await measured(append, SHAPES[1], 0.3)
        for shape in SHAPES:
            found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in appends}
            for _ in range(rounds):
                for name, append in appends.items():
                    found[name].append(await measured(append, shape, seconds))
            mine = max(found["atoll"])[0]
            for name, results in found.items():
                rate, latency, cpu = max(results)
                print(
                    f"{engine:<11} {shape.name:<26} {name:<14} {rate:>9,.0f} events/s   p50 {latency * 1000:>7.2f} ms"
                    f"   {cpu * 1e6:>6.0f} us of CPU here   atoll / this {mine / rate:>6.2f}"
                )


async def reading(url: str) -> None:
    """Print how quickly the feed is read, and how soon a follower has what was appended."""
    store = await EventStore.open(url)
    for _ in range(20):
        await store.append("read", [NewEvent(type="a", data=DATA) for _ in range(1000)])
    began, count, position = time.perf_counter(), 0, START
    while page := await store.read_all(after=position):
        count, position = count + len(page), page[-1].position
    print(f"{url.partition(':')[0]:<11} reads {count / (time.perf_counter() - began):,.0f} events/s of the feed")
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def follow() -> None:
        async for _ in store.subscribe(after=await store.end()):
            arrived.put_nowait(time.perf_counter())

    following, delays = asyncio.create_task(follow()), list[float]()
    await asyncio.sleep(0.2)
    for _ in range(200):
        began = time.perf_counter()
        await store.append("followed", [NewEvent(type="a", data=DATA)])
        delays.append(await arrived.get() - began)
    following.cancel()
    print(
        f"{url.partition(':')[0]:<11} append to follower: p50 {median(delays) * 1000:.2f} ms, "
        f"worst {max(delays) * 1000:.1f} ms"
    )
    await store.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each contestant runs in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", default="postgresql://postgres@127.0.0.1:5432/postgres", help="a server to use")
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {
            name: await stack.enter_async_context(postgres_database(options.postgres))
            for name in ("atoll", "raw driver", "eventsourcing")
        }
        for url in urls.values():
            await (await Database.open(url)).close()
        for engine, those in contestants(folder, urls).items():
            await duel(engine, those, options.rounds, options.seconds)
        for url in (f"sqlite:///{folder}/read.db", urls["atoll"]):
            await reading(url)


if __name__ == "__main__":
    uvloop.run(main())
