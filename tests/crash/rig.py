"""One pair of engines with its databases and its part of the broker, which stay while processes come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from atoll.core import new_id
from atoll.messaging.nats import NatsServer
from atoll.storage import Database
from tests.crash.broker import served
from tests.crash.nursery import Life, Nursery
from tests.crash.truth import Truth
from tests.integration.messaging.rabbitmq.broker import URL as RABBITMQ
from tests.integration.messaging.rabbitmq.broker import note_group, wipe

BROKERS: Final = ("nats", "rabbitmq", "memory")
SERVICES: Final = ("till", "bank")


@dataclass(slots=True, kw_only=True)
class Rig:
    """Where processes live: `environ` tells them, `till` and `bank` are their databases.

    `life` is the process that runs now, `truths` are of the cases that were. A case that failed leaves its rig
    `spoiled`: what it left there would fail the next ones too.
    """

    name: str
    environ: Mapping[str, str]
    log: Path
    nursery: Nursery
    till: Database
    bank: Database
    life: Life = field(init=False)
    truths: list[Truth] = field(default_factory=list[Truth])
    spoiled: str = ""

    def __post_init__(self) -> None:
        self.begin()

    def begin(self, armed: str = "") -> None:
        """Start a process that dies where `armed` says."""
        self.life = self.nursery.begin({**self.environ, "ATOLL_CRASH": armed}, self.log)

    async def at_rest(self) -> bool:
        """Tell whether nothing waits to be published any more."""
        return not any([await each.outbox.count() for each in (self.till, self.bank)])

    async def wrong(self) -> list[str]:
        """Return what is wrong by now with any of the cases that were."""
        return [f"{self.name}: {each}" for truth in self.truths for each in await truth.wrong()]


@asynccontextmanager
async def rigs(database: str, folder: Path, nursery: Nursery, postgres: str) -> AsyncGenerator[list[Rig]]:
    """Make a pair of this kind of database and each broker; the real servers are shared."""
    async with AsyncExitStack() as stack:
        server = NatsServer(folder / "nats")
        await server.start()
        stack.push_async_callback(server.stop)
        places = {"nats": server.url, "rabbitmq": RABBITMQ, "memory": "memory:"}
        made = await asyncio.gather(
            *(_rig(stack, folder, nursery, postgres, database, broker, places[broker]) for broker in BROKERS)
        )
        yield made
        for rig in made:
            rig.life.kill()
            await rig.life.ended


async def _rig(
    stack: AsyncExitStack, folder: Path, nursery: Nursery, postgres: str, database: str, broker: str, place: str
) -> Rig:
    name, system = f"{database}+{broker}", f"crash-{new_id()}"
    home = folder / name
    home.mkdir()
    if broker == "memory":
        await stack.enter_async_context(served(home / "broker"))
    if broker == "rabbitmq":
        note_group(system, "till")
        stack.push_async_callback(wipe, system)
    url = f"sqlite:///{home}/{{service}}.db" if database == "sqlite" else await _databases(stack, postgres, system)
    till, bank = [await Database.open(url.replace("{service}", service)) for service in SERVICES]
    stack.push_async_callback(till.close)
    stack.push_async_callback(bank.close)
    environ = {
        "ATOLL_SYSTEM": system,
        "ATOLL_DATABASE_URL": url,
        "ATOLL_BROKER_URL": place,
        "MEMORY_BROKER": str(home / "broker"),
    }
    return Rig(name=name, environ=environ, log=home / "log", nursery=nursery, till=till, bank=bank)


async def _databases(stack: AsyncExitStack, server: str, system: str) -> str:
    """Return the URL of databases that whoever opens them first creates; they are dropped at the end."""

    async def drop() -> None:
        connection: Any = await asyncpg.connect(server)
        for service in SERVICES:
            await connection.execute(f'DROP DATABASE IF EXISTS "{system}-{service}" WITH (FORCE)')
        await connection.close()

    stack.push_async_callback(drop)
    return urlsplit(server)._replace(path=f"/{system}-{{service}}").geturl()
