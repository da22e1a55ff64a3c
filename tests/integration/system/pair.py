"""A tiny system: counters, and a desk that calls them and a program, behind a gateway."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from atoll.contracts import Event, Message, Problem, command, contract, query
from atoll.core import Settings
from atoll.gateway import Gateway
from atoll.messaging import UndecodableMessage
from atoll.saga import Saga, saga
from atoll.service import Service, on
from atoll.storage import Database
from atoll.system import Program, System


class Count(msgspec.Struct):
    name: str
    value: int


class Raise(msgspec.Struct):
    by: int = 1
    tags: list[str] = []


class Counted(Event, key="name"):
    name: str
    value: int


class TooMuch(Problem, status=409):
    """Nobody counts that far."""

    limit: int


@contract("counter", events=[Counted])
class Counter(Protocol):
    """Numbers that grow."""

    @command("POST /counts/{name}", raises=[TooMuch], public=True, anonymous=True)
    async def add(self, name: str, request: Raise) -> Count: ...

    @query("GET /counts/{name}", public=True, anonymous=True)
    async def get(self, name: str, least: int = 0) -> Count: ...


class Sight(msgspec.Struct):
    count: int
    heard: int
    program: str


class Tally(msgspec.Struct):
    name: str
    by: int


@contract("desk")
class Desk(Protocol):
    """Looks at numbers, and adds to them twice or not at all."""

    @command("POST /tallies", raises=[TooMuch])
    async def tally(self, request: Tally) -> Count: ...

    @query("GET /desk/{name}", public=True, anonymous=True)
    async def look(self, name: str) -> Sight: ...


class CounterService(Service, Counter):
    schema = "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"

    def __init__(self, db: Database) -> None:
        self.db = db

    async def add(self, name: str, request: Raise) -> Count:
        if request.by > 100:
            raise TooMuch(limit=100)
        await self.db.execute(
            "INSERT INTO counts VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = value + $2", name, request.by
        )
        count = await self.get(name)
        self.emit(Counted(name=name, value=count.value))
        return count

    async def get(self, name: str, least: int = 0) -> Count:
        found = await self.db.fetch_one(Count, "SELECT name, value FROM counts WHERE name = $1", name)
        return found or Count(name, least)


class DeskService(Service, Desk):
    schema = "CREATE TABLE IF NOT EXISTS heard (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"

    def __init__(self, db: Database, counter: Counter, settings: Settings) -> None:
        self.db = db
        self.counter = counter
        self.settings = settings

    async def look(self, name: str) -> Sight:
        count = await self.counter.get(name)
        heard = await self.db.fetch_value("SELECT value FROM heard WHERE name = $1", name)
        return Sight(count=count.value, heard=heard or 0, program=await self._greeting())

    @saga
    async def tally(self, s: Saga, request: Tally) -> Count:
        await s.step(
            "first",
            self.counter.add,
            request.name,
            Raise(by=1),
            undo=lambda _: self.counter.add(request.name, Raise(by=-1)),
        )
        return await s.step("second", self.counter.add, request.name, Raise(by=request.by))

    @on(Counted)
    async def hear(self, event: Counted, message: Message) -> None:
        if event.name == "unspeakable":
            raise UndecodableMessage("it cannot be said", message)
        await self.db.execute(
            "INSERT INTO heard VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2", event.name, event.value
        )

    async def _greeting(self) -> str:
        host, _, port = self.settings.environ["GREETER_URL"].partition("//")[2].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        greeting = await reader.readline()
        writer.close()
        return greeting.decode().strip()


PROGRAMS = [Program("greeter", module="tests.integration.system.greeter", args=("--name", "pair"), scheme="tcp")]

pair = System("pair", services=[CounterService, DeskService], gateway=Gateway(), programs=PROGRAMS)
