"""The projections of these tests, and how their views and side effects are read."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import msgspec

from atoll.contracts import Event
from atoll.eventstore import NewEvent, RecordedEvent, new_event
from atoll.projections import Projection, View, projects
from atoll.storage import Database


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
