"""Services that implement the contract rightly and wrongly."""

from __future__ import annotations

from atoll.service import Service
from tests.typing.cases.shelf import Level, LevelChanged, Put, Shelf


class RightService(Service, Shelf):
    async def put(self, request: Put) -> Level:
        self.emit(LevelChanged(sku=request.sku, on_hand=request.count))
        return Level(sku=request.sku, on_hand=request.count)

    async def level(self, sku: str) -> Level:
        return Level(sku=sku, on_hand=0)


class MissingMethod(Service, Shelf):
    async def put(self, request: Put) -> Level:
        return Level(sku=request.sku, on_hand=request.count)


class WrongRequest(Service, Shelf):
    async def put(self, request: Level) -> Level:  # error
        return request

    async def level(self, sku: str) -> Level:
        return Level(sku=sku, on_hand=0)


class WrongResult(Service, Shelf):
    async def put(self, request: Put) -> Level:
        return Level(sku=request.sku, on_hand=request.count)

    async def level(self, sku: str) -> int:  # error
        return len(sku)


class WrongValue(Service, Shelf):
    async def put(self, request: Put) -> Level:
        return request  # error

    async def level(self, sku: str) -> Level:
        return Level(sku=sku, on_hand="many")  # error


class NotAwaitable(Service, Shelf):
    async def put(self, request: Put) -> Level:
        return Level(sku=request.sku, on_hand=request.count)

    def level(self, sku: str) -> Level:  # error
        return Level(sku=sku, on_hand=0)


right: Shelf = RightService()
missing: Shelf = MissingMethod()  # error
