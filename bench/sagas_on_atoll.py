"""Three steps as a saga on Atoll, on a SQLite file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from durable import Contender

from atoll.core import context as contexts
from atoll.saga import Saga, SagaEngine, saga
from atoll.storage import Database


class Flow:
    @saga
    async def run(self, s: Saga, order: str) -> str:
        await s.step("a", self.step, "a")
        await s.step("b", self.step, "b")
        return await s.step("c", self.step, "c")

    async def step(self, what: str) -> str:
        return what


@asynccontextmanager
async def atoll_flow(directory: Path) -> AsyncGenerator[Contender]:
    """Run the engine as a service does, with its leases kept."""
    path = directory / "atoll.db"
    db = await Database.open(f"sqlite:///{path}")
    engine, flow = SagaEngine(db, owner="bench"), Flow()
    engine.bind(flow)
    await engine.prepare()
    await engine.open()

    async def run(order: str) -> str:
        with contexts.use(msgspec.structs.replace(contexts.new_context(), idempotency_key=order)):
            return await flow.run(order)

    try:
        yield Contender(name="atoll", run=run, database=path, synchronous="FULL")
    finally:
        await engine.close()
        await db.close()
