"""A shelf, asked and told by messages."""

from __future__ import annotations

from typing import Annotated

import msgspec

from atoll.cqrs import Command, Query, handles


class Receipt(msgspec.Struct, frozen=True):
    sku: str
    left: int


class Take(Command[Receipt]):
    sku: str
    number: Annotated[int, msgspec.Meta(ge=1)] = 1


class Burn(Command[None]):
    sku: str


class Left(Query[int]):
    sku: str


class Shelf:
    def __init__(self) -> None:
        self.stock = {"a": 5}
        self.asked = 0

    @handles()
    async def take(self, command: Take) -> Receipt:
        self.stock[command.sku] -= command.number
        return Receipt(command.sku, self.stock[command.sku])

    @handles(roles=["admin"])
    async def burn(self, command: Burn) -> None:
        self.stock[command.sku] = 0


class Clerk:
    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    @handles()
    async def left(self, query: Left) -> int:
        self.shelf.asked += 1
        return self.shelf.stock[query.sku]
