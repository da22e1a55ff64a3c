"""Calls of a client, rightly and wrongly."""

from __future__ import annotations

from atoll.clients import Clients, client
from tests.typing.cases.shelf import Level, Put, Shelf


class FakeShelf:
    """A stand-in for tests needs no base class."""

    async def put(self, request: Put) -> Level:
        return Level(sku=request.sku, on_hand=request.count)

    async def level(self, sku: str) -> Level:
        return Level(sku=sku, on_hand=0)


class WrongFake:
    async def put(self, request: Put) -> Level:
        return Level(sku=request.sku, on_hand=request.count)


class Desk:
    """What a service looks like that is given a contract."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    async def use(self) -> int:
        put = await self.shelf.put(Put(sku="a"))
        level = await self.shelf.level("a")
        return put.on_hand + level.on_hand

    async def misuse(self) -> None:
        await self.shelf.put("a")  # error
        await self.shelf.put(Put(sku=1))  # error
        await self.shelf.put(Put())  # error
        await self.shelf.level(1)  # error
        await self.shelf.level()  # error
        await self.shelf.take("a")  # error
        (await self.shelf.level("a")).missing  # error
        count: str = (await self.shelf.level("a")).on_hand  # error
        print(count)


Desk(FakeShelf())
Desk(WrongFake())  # error


async def standalone(clients: Clients) -> None:
    shelf = client(Shelf, url="http://127.0.0.1:8000")
    same = clients.of(Shelf)
    for each in (shelf, same):
        level: Level = await each.level("a")
        await each.level(level)  # error
    await clients.of(Shelf).burn()  # error
