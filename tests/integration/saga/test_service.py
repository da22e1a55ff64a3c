"""A running service: its consumer wakes sagas, and its operator decides about parked ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httpx
import msgspec
import pytest

from atoll.contracts import Event, command, contract
from atoll.core import Settings
from atoll.saga import Saga, saga
from atoll.service import Service, ServiceHost


class Paid(Event, key="order"):
    """An order was paid."""

    order: str
    amount: int


class Order(msgspec.Struct, frozen=True):
    order: str


class Receipt(msgspec.Struct, frozen=True):
    amount: int


@contract("till", events=[Paid])
class Till(Protocol):
    @command("POST /sell")
    async def sell(self, request: Order) -> Receipt: ...

    @command("POST /pay")
    async def pay(self, request: Order) -> None: ...


class TillService(Service, Till):
    def __init__(self) -> None:
        self.thanked: list[str] = []
        self.broken = False

    @saga(waits_for=[Paid])
    async def sell(self, s: Saga, request: Order) -> Receipt:
        paid = await s.wait_for(Paid, key=request.order, timeout=60)
        await s.pivot("book", self.book, request.order)
        await s.step("thank", self.thank, request.order)
        return Receipt(paid.amount)

    async def pay(self, request: Order) -> None:
        self.emit(Paid(order=request.order, amount=7))

    async def book(self, order: str) -> None: ...

    async def thank(self, order: str) -> int:
        self.thanked.append(order)
        return "broken" if self.broken else 1  # type: ignore[return-value]


class Running:
    def __init__(self, host: ServiceHost[TillService], http: httpx.AsyncClient) -> None:
        self.service = host.service
        self.http = http

    async def sell(self) -> httpx.Response:
        return await self.http.post("/sell", json={"order": "o1"}, headers={"idempotency-key": "k"})

    async def saga(self) -> dict[str, Any]:
        (row,) = (await self.http.get("/_atoll/sagas")).json()
        return dict(row)

    async def until(self, name: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while not (row := await self.saga())[name]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return row

    async def decide(self, what: str, **body: object) -> httpx.Response:
        return await self.http.post(f"/_atoll/sagas/{(await self.saga())['id']}/{what}", json=body)


@pytest.fixture
async def till(url: str) -> AsyncIterator[Running]:
    host = ServiceHost(TillService, Settings(database_url=url))
    await host.start()
    async with httpx.AsyncClient(base_url=f"http://{host.address}", timeout=30) as http:
        yield Running(host, http)
    await host.stop()


async def test_an_event_of_the_broker_wakes_the_saga_whose_caller_still_waits(till: Running) -> None:
    caller = asyncio.create_task(till.sell())
    async with asyncio.timeout(20):
        while not (await till.http.get("/_atoll/backlog")).json()["sagas"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await till.http.post("/pay", json={"order": "o1"})).status_code == 204
    assert (await caller).json() == {"amount": 7}
    assert till.service.thanked == ["o1"]


async def test_events_that_sagas_wait_for_are_among_those_a_service_consumes(till: Running) -> None:
    document = (await till.http.get("/asyncapi.json")).text
    assert '"receive"' in document
    assert Paid.event_type in document


async def test_an_operator_sees_a_parked_saga_skips_its_step_and_the_caller_gets_the_result(till: Running) -> None:
    till.service.broken = True
    caller = asyncio.create_task(till.sell())
    await asyncio.wait({caller}, timeout=0.1)
    await till.http.post("/pay", json={"order": "o1"})
    assert (await caller).status_code == 500
    row = await till.until("stuck")
    assert row["stuck"]["step"] == "thank"
    assert (await till.decide("retry")).status_code == 422
    assert (await till.decide("resolve", who="ada", ending="completed", result="seven")).status_code == 409
    assert (await till.decide("skip", who="ada", note="by hand", result=1)).json()["status"] == "running"
    await till.until("result")
    assert (await till.sell()).json() == {"amount": 7}
    story = (await till.http.get(f"/_atoll/sagas/{row['id']}")).json()
    told = [(each["action"], each["step"], each["who"], each["note"]) for each in story["decisions"]]
    assert told == [("skip", "thank", "ada", "by hand")]
    assert (await till.http.post("/_atoll/sagas/none/retry", json={"who": "ada"})).status_code == 404
