"""A process that works on sagas until it is stopped or killed; it tells what it does and waits at a gate to be let on.

python -m tests.integration.saga.worker DATABASE_URL OWNER LEASE_SECONDS SAGA_ID

A line of input is `go`, to be let on, or by how many seconds its clock is to be put forward.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from atoll.core.clock import Clock
from atoll.saga import Saga, SagaEngine, definition_of, saga
from atoll.storage import Database
from tests.integration.saga.ahead import AheadClock

TABLE = "CREATE TABLE IF NOT EXISTS effects (seq {serial}, what TEXT NOT NULL)"


class Shop:
    """Two effects of its own, and a gate between them."""

    def __init__(self, db: Database, gate: asyncio.Event) -> None:
        self.db = db
        self.gate = gate
        self.reached = asyncio.Event()

    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("first", self.effect, "first")
        await s.step("gate", self.wait)
        return await s.step("second", self.effect, "second")

    async def effect(self, what: str) -> str:
        await self.db.execute("INSERT INTO effects (what) VALUES ($1)", what)
        return what

    async def wait(self) -> None:
        self.reached.set()
        tell("at the gate")
        await self.gate.wait()


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def engine_on(url: str, owner: str, lease: float, gate: asyncio.Event, clock: Clock) -> tuple[SagaEngine, Shop]:
    """An engine that is ready to be opened, and its service."""
    db = await Database.open(url)
    await db.engine.script(TABLE)
    engine, shop = SagaEngine(db, owner=owner, clock=clock, lease_seconds=lease), Shop(db, gate)
    engine.bind(shop)
    await engine.prepare()
    return engine, shop


async def obey(gate: asyncio.Event, clock: AheadClock) -> None:
    while said := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if said == "go":
            gate.set()
        else:
            await clock.put_forward(float(said))
    await asyncio.Event().wait()


async def main(url: str, owner: str, lease: str, saga_id: str) -> None:
    gate, clock = asyncio.Event(), AheadClock()
    obeying = asyncio.create_task(obey(gate, clock))
    engine, shop = await engine_on(url, owner, float(lease), gate, clock)
    await engine.open()
    async with shop.db.transaction():
        await engine.start(definition_of(shop.sell), "o1", id=saga_id)
    await obeying


class Telling(logging.Handler):
    """Tells what the engine warns of on standard output."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


if __name__ == "__main__":
    logging.getLogger("atoll.saga").addHandler(Telling(logging.WARNING))
    asyncio.run(main(*sys.argv[1:]))
