"""Loading one aggregate of many small events, from the first event and from a snapshot."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import msgspec
from contestant import Failed
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventstore_contestants import path_of, raw_connection
from report import Case
from turns import case_of, in_turns

from atoll.aggregates import DatabaseSnapshots, Repository
from atoll.contracts import Event
from atoll.eventstore import EventStore
from atoll.storage import Database

EVENTS: Final = 10_000
SNAPSHOT: Final = EVENTS - 50
"""The snapshot is some events old, as it mostly is."""


class Loader(NamedTuple):
    """Return the balance, which is the number of events, loaded without a snapshot and with one."""

    whole: Callable[[], Awaitable[int]]
    snapshot: Callable[[], Awaitable[int]]


async def loading(place: Callable[[], Awaitable[str]], rounds: int) -> list[Case]:
    """Measure both ways of loading."""
    async with AsyncExitStack() as stack:
        opened = {"atoll": _atoll, "eventsourcing": _eventsourcing, "by hand": _by_hand}
        loaders = {name: await stack.enter_async_context(each(await place())) for name, each in opened.items()}
        whole = await in_turns(rounds, {name: partial(_median_of, each.whole, 3) for name, each in loaders.items()})
        begun = await in_turns(rounds, {name: partial(_median_of, each.snapshot, 50) for name, each in loaders.items()})
    what = f"loading {EVENTS:,} events"
    return [
        case_of(what, "ms", whole, more_is_better=False),
        case_of(f"{what}, by a snapshot", "ms", begun, more_is_better=False),
    ]


async def _median_of(load: Callable[[], Awaitable[int]], times: int) -> float:
    """Return the milliseconds of one, in the middle of so many; the first is not counted."""
    taken: list[float] = []
    for _ in range(times + 1):
        began = time.perf_counter()
        if await load() != EVENTS:
            raise Failed("an aggregate was loaded that lacks events")
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken[1:])[times // 2]


class Deposited(Event, key="account"):
    """What happened."""

    account: str
    amount: int


@dataclass
class Account:
    """The aggregate on Atoll."""

    balance: int = 0

    def apply(self, event: Deposited) -> None:
        self.balance += event.amount


def _deposits(count: int) -> list[Deposited]:
    return [Deposited(account="a1", amount=1) for _ in range(count)]


@asynccontextmanager
async def _atoll(url: str) -> AsyncGenerator[Loader]:
    db = await Database.open(url)
    store = await EventStore.over(db)
    snapshots = await DatabaseSnapshots.over(db)
    kept = Repository.of(store, Account, [Deposited], snapshots=snapshots, every=SNAPSHOT)
    bare = Repository.of(store, Account, [Deposited])
    await kept.create("a1", lambda _: _deposits(SNAPSHOT))
    await kept.change("a1", lambda _: _deposits(EVENTS - SNAPSHOT))

    async def load(repository: Repository[Account]) -> int:
        return (await repository.load("a1")).aggregate.balance

    yield Loader(whole=partial(load, bare), snapshot=partial(load, kept))
    await store.close()
    await db.close()


class PeerAccount(Aggregate):
    """The aggregate on `eventsourcing`; its creation is an event, too."""

    @event("Opened")
    def __init__(self) -> None:
        self.balance = 1

    @event("Deposited")
    def deposit(self, amount: int) -> None:
        self.balance += amount


@asynccontextmanager
async def _eventsourcing(url: str) -> AsyncGenerator[Loader]:
    """Its applications, on one database: one that reads snapshots, one that does not."""
    kept = Application[Any](env=environment(url) | {"IS_SNAPSHOTTING_ENABLED": "y"})
    bare = Application[Any](env=environment(url))
    account = PeerAccount()
    for _ in range(SNAPSHOT - 1):
        account.deposit(1)
    kept.save(account)
    kept.take_snapshot(account.id)
    for _ in range(EVENTS - SNAPSHOT):
        account.deposit(1)
    kept.save(account)

    def load(application: Application[Any]) -> int:
        return int(application.repository.get(account.id).balance)

    yield Loader(whole=partial(asyncio.to_thread, load, bare), snapshot=partial(asyncio.to_thread, load, kept))
    kept.close()
    bare.close()


def environment(url: str) -> dict[str, str]:
    """Return the settings of an application of `eventsourcing` on a database."""
    if url.startswith("sqlite:///"):
        return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": path_of(url)}
    parts = urlsplit(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path[1:],
        "POSTGRES_HOST": parts.hostname or "127.0.0.1",
        "POSTGRES_PORT": str(parts.port or 5432),
        "POSTGRES_USER": parts.username or "postgres",
        "POSTGRES_PASSWORD": parts.password or "none",
    }


EVENTS_TABLE: Final = "CREATE TABLE events (stream TEXT, version BIGINT, data {}, PRIMARY KEY (stream, version))"
SNAPSHOTS_TABLE: Final = "CREATE TABLE snapshots (stream TEXT PRIMARY KEY, version BIGINT, balance BIGINT)"
INSERT: Final = "INSERT INTO events VALUES ($1, $2, $3)"
SELECT: Final = "SELECT data FROM events WHERE stream = $1 AND version > $2 ORDER BY version"
SELECT_SNAPSHOT: Final = "SELECT version, balance FROM snapshots WHERE stream = $1"

_decoded = msgspec.json.Decoder(Deposited).decode


def _by_hand(url: str) -> AbstractAsyncContextManager[Loader]:
    return _by_hand_sqlite(path_of(url)) if url.startswith("sqlite:///") else _by_hand_postgres(url)


@asynccontextmanager
async def _by_hand_sqlite(path: str) -> AsyncGenerator[Loader]:
    connection = raw_connection(path)
    connection.execute(EVENTS_TABLE.format("BLOB"))
    connection.execute(SNAPSHOTS_TABLE)
    connection.execute("BEGIN")
    connection.executemany(INSERT, _rows())
    connection.execute("INSERT INTO snapshots VALUES (?, ?, ?)", ("a1", SNAPSHOT, SNAPSHOT))
    connection.execute("COMMIT")
    yield Loader(
        whole=partial(asyncio.to_thread, _loaded, connection, 0, 0),
        snapshot=partial(asyncio.to_thread, _loaded_by_snapshot, connection),
    )
    connection.close()


def _rows() -> list[tuple[str, int, bytes]]:
    return [("a1", number + 1, msgspec.json.encode(each)) for number, each in enumerate(_deposits(EVENTS))]


def _loaded(connection: sqlite3.Connection, version: int, balance: int) -> int:
    return balance + sum(_decoded(data).amount for (data,) in connection.execute(SELECT, ("a1", version)))


def _loaded_by_snapshot(connection: sqlite3.Connection) -> int:
    version, balance = connection.execute(SELECT_SNAPSHOT, ("a1",)).fetchone()
    return _loaded(connection, version, balance)


@asynccontextmanager
async def _by_hand_postgres(url: str) -> AsyncGenerator[Loader]:
    connection: Any = await asyncpg.connect(url)
    await connection.execute(EVENTS_TABLE.format("BYTEA"))
    await connection.execute(SNAPSHOTS_TABLE)
    await connection.executemany(INSERT, _rows())
    await connection.execute("INSERT INTO snapshots VALUES ($1, $2, $3)", "a1", SNAPSHOT, SNAPSHOT)

    async def load(version: int, balance: int) -> int:
        return balance + sum(_decoded(data).amount for (data,) in await connection.fetch(SELECT, "a1", version))

    async def load_by_snapshot() -> int:
        version, balance = await connection.fetchrow(SELECT_SNAPSHOT, "a1")
        return await load(version, balance)

    yield Loader(whole=partial(load, 0, 0), snapshot=load_by_snapshot)
    await connection.close()
