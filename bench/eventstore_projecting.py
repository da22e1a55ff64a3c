"""How long after an append returned its event is in a view, seen from another connection."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from statistics import median, quantiles
from typing import Any, Final, NamedTuple

import asyncpg
from contestant import Failed
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection as PeerProjection
from eventsourcing.projection import ProjectionRunner
from eventstore_contestants import path_of
from eventstore_loading import environment
from report import Case
from turns import case_of, in_turns

from atoll.contracts import Event
from atoll.core import new_id
from atoll.eventstore import NO_STREAM, EventStore, new_event
from atoll.projections import Projection, ProjectionEngine, View, projects
from atoll.storage import Database

APPENDS: Final = 200
DEADLINE: Final = 10.0
PAUSE: Final = 0.0002
"""Between two looks at the view, which must not take the processor from those who write it."""

Seen = Callable[[str], Awaitable[bool]]
"""Tell whether the view has a row of this key, committed."""


class Follower(NamedTuple):
    """Append an event and return the key of its row in the view; look whether the row is there."""

    append: Callable[[], Awaitable[str]]
    seen: Seen


async def projecting(place: Callable[[], Awaitable[str]], rounds: int) -> list[Case]:
    """Measure the delay of each; on SQLite of Atoll alone."""
    async with AsyncExitStack() as stack:
        url = await place()
        followers = {"atoll": await stack.enter_async_context(_atoll(url))}
        if not url.startswith("sqlite:///"):
            followers["eventsourcing"] = await stack.enter_async_context(_eventsourcing(await place()))
        found = await in_turns(rounds, {name: partial(_delays, each) for name, each in followers.items()})
    middle = {name: [median(each) for each in delays] for name, delays in found.items()}
    late = {name: [quantiles(each, n=100)[98] for each in delays] for name, delays in found.items()}
    return [
        case_of("append to projection, p50", "ms", middle, more_is_better=False),
        case_of("append to projection, p99", "ms", late, more_is_better=False),
    ]


async def _delays(follower: Follower) -> list[float]:
    """Return the milliseconds of each append, one after the other."""
    delays: list[float] = []
    for _ in range(APPENDS):
        key = await follower.append()
        began = time.perf_counter()
        while not await follower.seen(key):
            if time.perf_counter() - began > DEADLINE:
                raise Failed(f"an event was not in the view {DEADLINE:g} s after its append")
            await asyncio.sleep(PAUSE)
        delays.append((time.perf_counter() - began) * 1000)
    return delays


class Placed(Event, key="order"):
    """What happened."""

    order: str


class Orders(Projection):
    """A view with a row for each order."""

    tables = "CREATE TABLE {orders} (id TEXT PRIMARY KEY)"

    @projects(Placed)
    async def placed(self, event: Placed, view: View) -> None:
        await view.execute("INSERT INTO {orders} VALUES ($1)", event.order)


@asynccontextmanager
async def _atoll(url: str) -> AsyncGenerator[Follower]:
    """The projection's worker, in this process, as a service has it."""
    db = await Database.open(url)
    store = await EventStore.over(db)
    engine = ProjectionEngine(db, store, [Orders()], owner="bench")
    await engine.start()

    async def append() -> str:
        order = new_id()
        await store.append(order, [new_event(Placed(order=order))], expected=NO_STREAM)
        return order

    async with _looking(url) as seen:
        yield Follower(append, seen)
    await engine.stop()
    await store.close()
    await db.close()


class PeerOrder(Aggregate):
    """The aggregate on `eventsourcing`."""

    @event("Placed")
    def __init__(self) -> None:
        pass


class PeerView(PostgresTrackingRecorder):
    """The same view on `eventsourcing`: the row and how far it has come are one transaction."""

    def place(self, order: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("INSERT INTO orders VALUES (%s)", (order,), prepare=True)
            self._insert_tracking(cursor, tracking)


class PeerOrders(PeerProjection[PeerView]):
    """Fills it."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.place(str(domain_event.originator_id), tracking)


@asynccontextmanager
async def _eventsourcing(url: str) -> AsyncGenerator[Follower]:
    """Its runner, whose thread is told of appends by LISTEN and NOTIFY."""
    connection: Any = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE orders (id TEXT PRIMARY KEY)")
    await connection.close()
    runner: Any = ProjectionRunner(
        application_class=Application[Any], projection_class=PeerOrders, view_class=PeerView, env=environment(url)
    )

    def place() -> str:
        order = PeerOrder()
        runner.app.save(order)
        return str(order.id)

    with runner:
        async with _looking(url) as seen:
            yield Follower(partial(asyncio.to_thread, place), seen)


@asynccontextmanager
async def _looking(url: str) -> AsyncGenerator[Seen]:
    """Look at the view over a connection of its own."""
    sql = "SELECT 1 FROM orders WHERE id = $1"
    if url.startswith("sqlite:///"):
        file = sqlite3.connect(path_of(url), isolation_level=None)

        async def seen(key: str) -> bool:
            return file.execute(sql, (key,)).fetchone() is not None

        yield seen
        file.close()
    else:
        connection: Any = await asyncpg.connect(url)

        async def found(key: str) -> bool:
            return await connection.fetchval(sql, key) is not None

        yield found
        await connection.close()
