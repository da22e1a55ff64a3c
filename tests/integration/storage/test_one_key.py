"""One idempotency key in two processes at once, on both engines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from atoll.storage import Database


class Clerk:
    """A process of `clerk`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self) -> str:
        """Return the next line it says; empty at its end."""
        if self.process.stdout is None:
            raise TypeError("there is no pipe")
        async with asyncio.timeout(30):
            return (await self.process.stdout.readline()).decode().strip()

    def go_on(self) -> None:
        """Let it begin its command, or end it."""
        if self.process.stdin is None:
            raise TypeError("there is no pipe")
        self.process.stdin.write(b"\n")


@asynccontextmanager
async def clerk(url: str, patience: Literal["wait", "go"]) -> AsyncIterator[Clerk]:
    """Start one."""
    pipe = asyncio.subprocess.PIPE
    arguments = ("-m", "tests.integration.storage.clerk", url, patience)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
    try:
        yield Clerk(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_schema: str) -> str:
    return {"sqlite": f"sqlite:///{tmp_path}/orders.db", "postgresql": postgres_schema}[request.param]


@pytest.fixture
async def pair(url: str) -> AsyncIterator[tuple[Clerk, Clerk]]:
    """One that waits in its transaction, and one that asks the same meanwhile and waits for it."""
    async with clerk(url, "wait") as first, clerk(url, "go") as second:
        assert [await each.says() for each in (first, second)] == ["ready"] * 2
        first.go_on()
        assert await first.says() == "begun"
        second.go_on()
        waiting = asyncio.create_task(second.says())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        waiting.cancel()
        assert not done
        yield first, second


async def orders(url: str) -> int:
    db = await Database.open(url)
    found = await db.fetch_value("SELECT count(*) FROM orders")
    await db.close()
    return int(found)


async def test_the_second_gets_the_reply_of_the_first(url: str, pair: tuple[Clerk, Clerk]) -> None:
    first, second = pair
    first.go_on()
    assert (await first.says(), await second.says()) == ("1 fresh", "1 again")
    assert await orders(url) == 1


async def test_when_the_first_is_killed_the_second_does_it(url: str, pair: tuple[Clerk, Clerk]) -> None:
    first, second = pair
    first.process.kill()
    assert [await second.says() for _ in range(2)] == ["begun", "1 fresh"]
    assert await orders(url) == 1
