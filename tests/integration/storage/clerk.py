"""A replica that does one command under one key, when told to; one that waits does so with its transaction open."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Protocol

import msgspec

from atoll.contracts import command, contract, spec_of
from atoll.core.context import new_context, use
from atoll.service.http import Request
from atoll.service.pipeline import Pipeline
from atoll.storage import Database


@contract("desk")
class Desk(Protocol):
    @command("POST /orders")
    async def order(self) -> int: ...


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def main(url: str, patience: str) -> None:
    db = await Database.open(url)
    await db.engine.script("CREATE TABLE IF NOT EXISTS orders (number {serial}, clerk BIGINT NOT NULL)")

    async def order() -> int:
        await db.execute("INSERT INTO orders (clerk) VALUES ($1)", os.getpid())
        say("begun")
        if patience == "wait":
            await asyncio.to_thread(sys.stdin.readline)
        return int(await db.fetch_value("SELECT count(*) FROM orders"))

    endpoint = Pipeline(db).endpoint(spec_of(Desk).operation("order"), order)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    with use(msgspec.structs.replace(new_context(timeout=30), idempotency_key="the key")):
        reply = await endpoint.handle(Request(method="POST", path="/orders"))
    say(f"{reply.body.decode()} {'again' if 'idempotency-replayed' in reply.headers else 'fresh'}")
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
