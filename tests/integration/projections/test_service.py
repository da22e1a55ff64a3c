"""A running service keeps its projections, reads its own writes, and shows both them and its events to operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import httpx
import msgspec
import pytest

from atoll.contracts import Event, command, contract, query
from atoll.core import Settings
from atoll.eventstore import EventStore, new_event
from atoll.projections import Projection, View, projects
from atoll.service import Service, ServiceHost
from atoll.storage import Database


class Sold(Event):
    """Something was sold."""

    item: str
    amount: int


class Sale(msgspec.Struct, frozen=True):
    item: str
    amount: int


class Total(msgspec.Struct, frozen=True):
    total: int


@contract("shelf")
class Shelf(Protocol):
    @command("POST /sell")
    async def sell(self, request: Sale) -> None: ...

    @query("GET /items/{item}")
    async def total(self, item: str) -> Total: ...


class Totals(Projection):
    tables = "CREATE TABLE {totals} (item TEXT PRIMARY KEY, total BIGINT NOT NULL)"

    @projects(Sold)
    async def sold(self, event: Sold, view: View) -> None:
        if event.amount < 0:
            raise ValueError("a sale is positive")
        await view.execute(
            "INSERT INTO {totals} (item, total) VALUES ($1, $2) "
            "ON CONFLICT (item) DO UPDATE SET total = {totals}.total + excluded.total",
            *(event.item, event.amount),
        )


class ShelfService(Service, Shelf):
    projections = (Totals,)

    def __init__(self, db: Database, store: EventStore, totals: Totals) -> None:
        self.db = db
        self.store = store
        self.totals = totals

    async def sell(self, request: Sale) -> None:
        event = new_event(Sold(item=request.item, amount=request.amount), tags=[f"item:{request.item}"])
        await self.store.append(f"item-{request.item}", [event])

    async def total(self, item: str) -> Total:
        await self.totals.wait_for(await self.store.end())
        found = await self.db.fetch_value("SELECT total FROM totals WHERE item = $1", item)
        return Total(found or 0)


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    host = ServiceHost(ShelfService, Settings(database_url=f"sqlite:///{tmp_path}/{{service}}.db"))
    await host.start()
    async with httpx.AsyncClient(base_url=f"http://{host.address}", timeout=30) as client:
        yield client
    await host.stop()


async def sell(http: httpx.AsyncClient, item: str, amount: int) -> None:
    assert (await http.post("/sell", json={"item": item, "amount": amount})).status_code == 204


async def test_a_service_reads_its_own_writes_through_a_projection(http: httpx.AsyncClient) -> None:
    for amount in (3, 4):
        await sell(http, "pen", amount)
        await sell(http, "ink", 1)
    assert (await http.get("/items/pen")).json() == {"total": 7}
    (found,) = (await http.get("/_atoll/projections")).json()
    assert (found["name"], found["state"], found["version"]) == ("totals", "live", 1)


async def test_an_operator_stops_retries_and_rebuilds_a_projection(http: httpx.AsyncClient) -> None:
    path = "/_atoll/projections/totals"
    await sell(http, "pen", 3)
    assert (await http.get("/items/pen")).json() == {"total": 3}
    assert (await http.post(f"{path}/pause")).json() == {}
    assert (await http.get(path)).json()["projection"]["state"] == "paused"
    assert (await http.post(f"{path}/rebuild")).json() == {"generation": 2}
    again = await http.post(f"{path}/rebuild")
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "totals is being rebuilt already; wait for its end, or see: atoll projections",
    )
    assert (await http.post(f"{path}/retry")).status_code == 409
    assert (await http.post(f"{path}/resume")).json() == {}
    assert (await http.get("/items/pen")).json() == {"total": 3}
    assert (await http.post("/_atoll/projections/none/pause")).status_code == 404
    assert (await http.post(f"{path}/burn")).status_code == 404


async def test_an_operator_sees_events_by_stream_type_tag_version_and_position(http: httpx.AsyncClient) -> None:
    for amount in (3, 4, 5):
        await sell(http, "pen", amount)
    await sell(http, "ink", 1)

    async def amounts(query: str) -> list[int]:
        reply = (await http.get(f"/_atoll/events?{query}")).json()
        return [msgspec.json.decode(each["data"], type=Sale).amount for each in reply["events"]]

    assert await amounts("stream=item-pen") == [3, 4, 5]
    assert await amounts("stream=item-pen&at=2") == [3, 4]
    assert await amounts("stream=item-pen&at=2000-01-01") == []
    assert await amounts("limit=2") == [5, 1]
    assert await amounts("tag=item:ink") == [1]
    assert await amounts("type=none") == []
    assert await amounts("at=2999-01-01T00:00&limit=1") == [1]
    first = (await http.get("/_atoll/events?stream=item-pen&at=1")).json()["position"]
    assert await amounts(f"after={first}&limit=2") == [4, 5]
    refused = await http.get("/_atoll/events?stream=item-pen&at=soon")
    assert (refused.status_code, refused.json()["detail"]) == (
        422,
        "'soon' is neither a version nor a time; write 7, or 2026-11-22T19:00",
    )
    assert (await http.get("/_atoll/events?at=3")).status_code == 422


async def test_the_lag_and_a_stopped_projection_are_among_the_metrics(http: httpx.AsyncClient) -> None:
    await sell(http, "pen", 3)
    await http.get("/items/pen")
    text = (await http.get("/metrics")).text
    assert 'atoll_projection_events_total{projection="totals"} 1.0' in text
    assert 'atoll_projection_lag_events{projection="totals"}' in text
    assert 'atoll_projection_lag_seconds{projection="totals"}' in text
