"""Two replicas of one service on one PostgreSQL database, asked the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import httpx
import msgspec
import pytest

from atoll.contracts import Problem, command, contract
from atoll.core import Settings
from atoll.service import Service, ServiceHost
from atoll.storage import Database


class Take(msgspec.Struct, frozen=True):
    count: int


class Left(msgspec.Struct, frozen=True):
    count: int


class Empty(Problem, status=409):
    """There is not enough."""


@contract("stock")
class Stock(Protocol):
    @command("POST /take", raises=[Empty])
    async def take(self, request: Take) -> Left: ...


class StockService(Service, Stock):
    schema = "CREATE TABLE IF NOT EXISTS stock (id BIGINT PRIMARY KEY, count BIGINT NOT NULL)"

    def __init__(self, db: Database) -> None:
        self.db = db
        self.runs = 0
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def on_start(self) -> None:
        await self.db.atomic(self.seed)

    async def seed(self) -> None:
        await self.db.execute("INSERT INTO stock VALUES (1, 100) ON CONFLICT DO NOTHING")

    async def take(self, request: Take) -> Left:
        left = int(await self.db.fetch_value("SELECT count FROM stock WHERE id = 1")) - request.count
        self.runs += 1
        self.reached.set()
        await self.go_on.wait()
        if left < 0:
            raise Empty
        await self.db.execute("UPDATE stock SET count = $1 WHERE id = 1", left)
        return Left(left)


class Pair:
    def __init__(self, hosts: list[ServiceHost[StockService]], http: httpx.AsyncClient) -> None:
        self.hosts, self.http = hosts, http
        self.one, self.other = (host.service for host in hosts)

    async def take(self, replica: int, count: int = 1, key: str = "") -> httpx.Response:
        url = f"http://{self.hosts[replica].address}/take"
        headers = {"idempotency-key": key} if key else {}
        return await self.http.post(url, json={"count": count}, headers=headers)

    async def left(self) -> Any:
        return await self.one.db.fetch_value("SELECT count FROM stock")


@pytest.fixture
async def pair(postgres_schema: str) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=30))
        hosts = [
            ServiceHost(StockService, Settings(database_url=postgres_schema, instance=str(number)))
            for number in range(2)
        ]
        await asyncio.gather(*(host.start() for host in hosts))
        for host in hosts:
            stack.push_async_callback(host.stop)
        yield Pair(hosts, http)


async def test_one_key_on_two_replicas_runs_once_and_both_get_the_reply(pair: Pair) -> None:
    pair.one.go_on.clear()
    first = asyncio.create_task(pair.take(0, 3, "k"))
    await pair.one.reached.wait()
    second = asyncio.create_task(pair.take(1, 3, "k"))
    await asyncio.wait([second], timeout=0.2)
    pair.one.go_on.set()
    replies = [(await each).json() for each in (first, second)]
    assert (replies, pair.other.runs, await pair.left()) == ([{"count": 97}] * 2, 0, 97)
    assert (await second).headers["idempotency-replayed"] == "true"


async def test_a_key_whose_command_failed_may_be_used_again_elsewhere(pair: Pair) -> None:
    assert (await pair.take(0, 1000, "k")).status_code == 409
    assert (await pair.take(1, 1, "k2")).json() == {"count": 99}


async def test_a_storm_of_commands_on_one_row_loses_none(pair: Pair) -> None:
    replies = await asyncio.gather(*(pair.take(number % 2) for number in range(60)))
    assert sorted(reply.json()["count"] for reply in replies) == list(range(40, 100))
    assert await pair.left() == 40


async def test_a_storm_of_duplicates_is_one_command_a_key(pair: Pair) -> None:
    async def insist(replica: int, key: str) -> int:
        while (reply := await pair.take(replica, 1, key)).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return int(reply.json()["count"])

    answers = await asyncio.gather(*(insist(number % 2, f"k{number // 6}") for number in range(60)))
    assert [len({*answers[each * 6 : each * 6 + 6]}) for each in range(10)] == [1] * 10
    assert await pair.left() == 90
