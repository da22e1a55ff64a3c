"""A tiny system's contracts and services for the tests of declarations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from atoll.contracts import contract, query
from atoll.service import Service
from atoll.system import Program, System


class Level(msgspec.Struct):
    sku: str
    quantity: int


@contract("stock")
class Stock(Protocol):
    @query("GET /stock/{sku}")
    async def level(self, sku: str) -> Level: ...


@contract("desk")
class Desk(Protocol):
    @query("GET /desk")
    async def look(self) -> Level: ...


class StockService(Service, Stock):
    async def level(self, sku: str) -> Level:
        return Level(sku, 1)


class DeskService(Service, Desk):
    def __init__(self, stock: Stock) -> None:
        self.stock = stock

    async def look(self) -> Level:
        return await self.stock.level("a")


async def paper_stock() -> AsyncIterator[Stock]:
    yield StockService()


pair = System("pair", services=[StockService, DeskService], programs=[Program("card-net", module="cards")])
