"""The gateway is told of every instance that comes or goes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from atoll.discovery import Instance, MemoryRegistry
from atoll.system.edge import Edge
from tests.unit.system.fakes import Clock, FakeRouter


def instance(service: str, number: int = 0) -> Instance:
    return Instance(id=f"{service}-{number}", service=service, host="127.0.0.1", port=4000 + number)


@pytest.fixture
async def registry() -> MemoryRegistry:
    made = MemoryRegistry()
    await made.register(instance("user"))
    return made


@pytest.fixture
async def edge(registry: MemoryRegistry) -> AsyncIterator[Edge]:
    made = Edge(registry, ["user", "order"], clock=Clock())
    await made.watch()
    yield made
    await made.close()


async def test_watching_ends_its_start_when_something_is_known_of_all(edge: Edge) -> None:
    assert {name: len(found) for name, found in edge.endpoints.items()} == {"user": 1, "order": 0}


async def test_what_is_known_is_applied_at_once(edge: Edge) -> None:
    router = FakeRouter()
    edge.feed(router)
    assert await router.applied.get() == {"user": ["user-0"], "order": []}


async def test_a_new_instance_is_applied(edge: Edge, registry: MemoryRegistry) -> None:
    router = FakeRouter()
    edge.feed(router)
    await router.applied.get()
    await registry.register(instance("order", 1))
    assert await router.applied.get() == {"user": ["user-0"], "order": ["order-1"]}


async def test_a_failing_instance_is_taken_out(edge: Edge, registry: MemoryRegistry) -> None:
    router = FakeRouter()
    edge.feed(router)
    await router.applied.get()
    registry.mark("user-0", passing=False)
    assert await router.applied.get() == {"user": [], "order": []}


async def test_a_gateway_that_refuses_is_asked_again(edge: Edge) -> None:
    router = FakeRouter(refusals=2)
    edge.feed(router)
    assert await router.applied.get() == {"user": ["user-0"], "order": []}


async def test_a_system_without_public_services_needs_no_wait() -> None:
    edge = Edge(MemoryRegistry(), [], clock=Clock())
    await edge.watch()
    assert edge.endpoints == {}
    await edge.close()
