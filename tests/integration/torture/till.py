"""A tiny system worth torturing: a till whose sales are sagas, and a ledger that hears of them.

Nothing in it is idempotent by itself, so whatever the toolkit lost or did twice would show.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Protocol

import msgspec

from atoll.clients import Clients
from atoll.contracts import Event, command, contract, query
from atoll.gateway import Gateway
from atoll.saga import Saga, saga
from atoll.service import Service, on
from atoll.storage import Database
from atoll.system import Invariant, Load, Recorder, System
from tests.integration.torture.customers import buy

CUSTOMERS = 8


class Sale(msgspec.Struct):
    name: str
    amount: int


class Totals(msgspec.Struct):
    held: int
    earned: int


class Sold(Event, key="name"):
    name: str
    amount: int


@contract("till", events=[Sold])
class Till(Protocol):
    """Sells."""

    @command("POST /sales", public=True, anonymous=True)
    async def sell(self, request: Sale) -> Sale: ...

    @query("GET /sales")
    async def sales(self) -> list[Sale]: ...


@contract("ledger")
class Ledger(Protocol):
    """Adds up."""

    @command("POST /holds")
    async def hold(self, request: Sale) -> Sale: ...

    @command("DELETE /holds/{name}")
    async def release(self, name: str) -> None: ...

    @query("GET /totals")
    async def totals(self) -> Totals: ...


class TillService(Service, Till):
    schema = "CREATE TABLE IF NOT EXISTS sales (name TEXT NOT NULL, amount INTEGER NOT NULL)"

    def __init__(self, db: Database, ledger: Ledger) -> None:
        self.db = db
        self.ledger = ledger

    @saga
    async def sell(self, s: Saga, request: Sale) -> Sale:
        await s.step("hold", self.ledger.hold, request, undo=lambda _: self.ledger.release(request.name))
        return await s.step("write", self.write, request)

    async def write(self, sale: Sale) -> Sale:
        await self.db.execute("INSERT INTO sales VALUES ($1, $2)", sale.name, sale.amount)
        self.tell(sale)
        return sale

    def tell(self, sale: Sale) -> None:
        self.emit(Sold(name=sale.name, amount=sale.amount))

    async def sales(self) -> list[Sale]:
        return await self.db.fetch_all(Sale, "SELECT name, amount FROM sales")


class LedgerService(Service, Ledger):
    schema = (
        "CREATE TABLE IF NOT EXISTS holds (name TEXT NOT NULL, amount INTEGER NOT NULL);"
        "CREATE TABLE IF NOT EXISTS earned (amount INTEGER NOT NULL)"
    )

    def __init__(self, db: Database) -> None:
        self.db = db

    async def hold(self, request: Sale) -> Sale:
        await self.db.execute("INSERT INTO holds VALUES ($1, $2)", request.name, request.amount)
        return request

    async def release(self, name: str) -> None:
        await self.db.execute("DELETE FROM holds WHERE name = $1", name)

    @on(Sold)
    async def hear(self, event: Sold) -> None:
        await self.earn(event)

    async def earn(self, event: Sold) -> None:
        await self.db.execute("INSERT INTO earned VALUES ($1)", event.amount)

    async def totals(self) -> Totals:
        sql = (
            "SELECT (SELECT coalesce(sum(amount), 0) FROM holds) AS held, "
            "(SELECT coalesce(sum(amount), 0) FROM earned) AS earned"
        )
        return await self.db.fetch_one(Totals, sql) or Totals(0, 0)


async def books_agree(clients: Clients) -> list[str]:
    """What was sold is what is held and what was heard of."""
    sold = sum(each.amount for each in await clients.of(Till).sales())
    totals = await clients.of(Ledger).totals()
    wrong = [] if totals.held == sold else [f"{totals.held} is held, but {sold} was sold"]
    return wrong if totals.earned == sold else [*wrong, f"{totals.earned} was heard of, but {sold} was sold"]


async def customers(url: str, random: Random, stop: asyncio.Event, recorder: Recorder) -> None:
    seeds = [random.getrandbits(64) for _ in range(CUSTOMERS)]
    await asyncio.gather(*(buy(url, Random(seed), stop, recorder) for seed in seeds))


async def sales_of(clients: Clients) -> list[str]:
    return [f"sale {each.name}" for each in await clients.of(Till).sales()]


LOAD = Load(customers=customers, facts=sales_of)
INVARIANTS = [Invariant("the books agree", books_agree)]

till = System("till", services=[TillService, LedgerService], gateway=Gateway(), invariants=INVARIANTS, load=LOAD)
