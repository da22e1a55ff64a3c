"""Sagas whose steps have the types of the calls they make."""

from __future__ import annotations

from atoll.saga import Saga, saga
from atoll.service import Service
from tests.typing.cases.shelf import Level, Put, Shelf


class MoveService(Service, Shelf):
    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    @saga
    async def put(self, s: Saga, request: Put) -> Level:
        moved = await s.step("put", self.shelf.put, request, undo=lambda level: self.shelf.level(level.sku))
        await s.step("wrong", self.shelf.put, "a")  # error
        await s.step("short", self.shelf.put)  # error
        await s.step("undo", self.shelf.put, request, undo=self.shelf.put)  # error
        wrong: int = await s.step("level", self.shelf.level, moved.sku)  # error
        print(wrong)
        return moved

    @saga
    async def level(self, s: Saga, sku: str) -> Level:
        return await s.step("level", self.shelf.level, sku)


class WrongSaga(Service, Shelf):
    @saga
    async def put(self, s: Saga, request: str) -> Level:  # error
        return Level(sku=request, on_hand=len(s.id))

    async def level(self, sku: str) -> Level:
        return Level(sku=sku, on_hand=0)


async def call(service: MoveService) -> None:
    level: Level = await service.put(Put(sku="a"))
    print(level)
    await service.put("a")  # error
