"""The contract that the cases implement and call."""

from __future__ import annotations

from typing import Protocol

import msgspec

from atoll.contracts import Event, Problem, command, contract, query


class Put(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    count: int = 1


class Level(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    on_hand: int


class LevelChanged(Event, key="sku"):
    sku: str
    on_hand: int


class ShelfFull(Problem, status=409):
    """There is no room left."""

    sku: str
    room: int = 0


@contract("shelf", events=[LevelChanged])
class Shelf(Protocol):
    """What lies where."""

    @command("POST /levels", raises=[ShelfFull])
    async def put(self, request: Put) -> Level: ...

    @query("GET /levels/{sku}")
    async def level(self, sku: str) -> Level: ...
