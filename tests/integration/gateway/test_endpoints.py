"""Instances come and go while requests are under way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from atoll.discovery.port import Instance
from tests.integration.gateway.edge import Edge
from tests.integration.gateway.upstream import Answer, Received, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def answered_by(edge: Edge, requests: int = 20) -> Counter[str]:
    return Counter([(await edge.http.get("/books")).json()["by"] for _ in range(requests)])


async def route_to(edge: Edge, *upstreams: Upstream) -> None:
    await edge.envoy.apply({"library": [each.instance("library") for each in upstreams]})


@asynccontextmanager
async def load(edge: Edge) -> AsyncIterator[Counter[int]]:
    """Ask without pause within the block; counts the statuses."""
    statuses: Counter[int] = Counter()
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            statuses[(await edge.http.get("/books")).status_code] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(ask())
        try:
            yield statuses
        finally:
            done.set()


async def test_new_endpoints_take_all_requests_once_they_are_applied(edge: Edge) -> None:
    async with Upstream("new") as new:
        await route_to(edge, new)
        assert await answered_by(edge) == {"new": 20}
        await route_to(edge, edge.library)
        assert await answered_by(edge) == {"library": 20}


async def test_requests_are_spread_over_the_instances(edge: Edge) -> None:
    async with Upstream("second") as second:
        await route_to(edge, edge.library, second)
        assert set(await answered_by(edge, 60)) == {"library", "second"}
        await route_to(edge, edge.library)


async def test_changes_under_load_cost_no_request(edge: Edge) -> None:
    async with Upstream("a") as a, Upstream("b") as b:
        async with load(edge) as statuses:
            for each in range(30):
                await route_to(edge, (a, b)[each % 2])
        await route_to(edge, edge.library)
    assert set(statuses) == {200}
    assert a.received
    assert b.received


async def test_a_request_under_way_is_finished_by_the_instance_that_goes(edge: Edge) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Received) -> Answer:
        asked.set()
        await go_on.wait()
        return Answer(body=b'"late"')

    async with Upstream("leaving", slow) as leaving:
        await route_to(edge, leaving)
        request = asyncio.create_task(edge.http.get("/books"))
        await asked.wait()
        await route_to(edge, edge.library)
        go_on.set()
        assert (await request).json() == "late"


async def test_a_service_with_no_instance_is_a_problem_503(edge: Edge) -> None:
    await edge.envoy.apply({})
    response = await edge.http.get("/books")
    await route_to(edge, edge.library)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")


async def test_endpoints_of_services_the_gateway_does_not_reach_are_passed_over(edge: Edge) -> None:
    inner = Instance(id="p-0", service="pricing", host="127.0.0.1", port=1)
    await edge.envoy.apply({"library": [edge.library.instance("library")], "pricing": [inner]})
    assert (await edge.http.get("/books")).status_code == 200


async def test_an_instance_without_an_ip_address_is_passed_over_with_a_warning(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    named = Instance(id="l-7", service="library", host="books.example", port=80)
    await edge.envoy.apply({"library": [named, edge.library.instance("library")]})
    assert await answered_by(edge) == {"library": 20}
    assert caplog.messages == ["instance l-7 is passed over: books.example:80 is not an IP address and a port"]


async def test_the_same_endpoints_again_change_nothing(edge: Edge) -> None:
    await route_to(edge, edge.library)
    file = edge.envoy.directory / "eds" / "library.json"
    before = file.stat().st_ino
    await route_to(edge, edge.library)
    assert file.stat().st_ino == before
