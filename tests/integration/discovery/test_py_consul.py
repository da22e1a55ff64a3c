"""The registry pleases a Consul client that is not ours: py-consul, unmodified."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import consul
import pytest

from atoll.discovery import ConsulAgent
from tests.integration.discovery.conftest import Backend
from tests.integration.discovery.serving import served

T = TypeVar("T")
Call = Callable[..., Any]


@pytest.fixture
async def client() -> AsyncIterator[consul.Consul]:
    async with served(ConsulAgent()) as port:
        client = consul.Consul(host="127.0.0.1", port=port)
        yield client
        client.http.session.close()


async def call(function: Callable[..., T], *args: object, **options: object) -> T:
    return await asyncio.wait_for(asyncio.to_thread(function, *args, **options), 20)


async def register(client: consul.Consul, **options: object) -> None:
    assert await call(client.agent.service.register, "web", service_id="web-1", **options)


async def found(client: consul.Consul, **options: object) -> list[str]:
    _, entries = await call(client.health.service, "web", **options)
    return [each["Service"]["ID"] for each in entries]


async def test_it_registers_and_deregisters(client: consul.Consul) -> None:
    await register(client, address="10.0.0.1", port=80, tags=["a"], meta={"version": "1"})
    assert await found(client, passing=True) == ["web-1"]
    assert await call(client.agent.service.deregister, "web-1")
    assert await found(client) == []


async def test_it_is_told_that_an_unknown_service_was_not_deregistered(client: consul.Consul) -> None:
    assert not await call(client.agent.service.deregister, "web-9")


async def test_it_reports_by_ttl(client: consul.Consul) -> None:
    await register(client, check=consul.Check.ttl("10s"))
    assert await found(client, passing=True) == []
    assert await call(client.agent.check.ttl_pass, "service:web-1", notes="fine")
    assert await found(client, passing=True) == ["web-1"]
    assert await call(client.agent.check.ttl_warn, "service:web-1")
    assert await call(client.agent.check.ttl_fail, "service:web-1")
    assert await found(client, passing=True) == []


async def test_its_http_checks_are_made(client: consul.Consul, backend: Backend) -> None:
    check = consul.Check.http(f"http://127.0.0.1:{backend.port}/", "10s", timeout="3s", deregister="90m")
    index, _ = await call(client.health.service, "web")
    await register(client, check=check)
    while await found(client, passing=True) != ["web-1"]:
        index, _ = await call(client.health.service, "web", index=index, wait="5s")
    assert backend.asked == ["GET / HTTP/1.1"]


async def test_its_blocking_query_returns_with_the_change(client: consul.Consul) -> None:
    index, before = await call(client.health.service, "web")
    waiting = asyncio.create_task(call(client.health.service, "web", index=index, wait="60s"))
    await register(client)
    later, after = await waiting
    assert (before, len(after), int(later) > int(index)) == ([], 1, True)


async def test_it_adds_checks_and_takes_them_out(client: consul.Consul) -> None:
    await register(client)
    ttl = consul.Check.ttl("10s")
    assert await call(client.agent.check.register, "disk", check=ttl, check_id="d", service_id="web-1")
    assert list(await call(client.agent.checks)) == ["d"]
    assert await call(client.agent.check.deregister, "d")
    assert await found(client, passing=True) == ["web-1"]


async def test_it_filters_by_tag(client: consul.Consul) -> None:
    await register(client, tags=["a", "b"])
    assert await found(client, tag=["a", "b"]) == ["web-1"]
    assert await found(client, tag="c") == []


async def test_it_sets_maintenance(client: consul.Consul) -> None:
    await register(client)
    assert await call(client.agent.service.maintenance, "web-1", "true", "repairs")
    assert await found(client, passing=True) == []
    assert await call(client.agent.service.maintenance, "web-1", "false")
    assert await found(client, passing=True) == ["web-1"]


@pytest.mark.parametrize(
    "question",
    [
        lambda client: client.agent.self()["Config"]["Datacenter"] == "dc1",
        lambda client: client.agent.services()["web-1"]["Service"] == "web",
        lambda client: client.agent.service_definition("web-1")["ID"] == "web-1",
        lambda client: len(client.agent.members()) == 1,
        lambda client: client.catalog.services()[1] == {"web": []},
        lambda client: client.catalog.service("web")[1][0]["ServiceID"] == "web-1",
        lambda client: client.catalog.nodes()[1][0]["Node"] == "atoll",
        lambda client: "web-1" in client.catalog.node("atoll")[1]["Services"],
        lambda client: client.catalog.datacenters() == ["dc1"],
        lambda client: client.health.state("passing")[1][0]["CheckID"] == "serfHealth",
        lambda client: client.health.node("atoll")[1][0]["CheckID"] == "serfHealth",
        lambda client: client.health.checks("web")[1] == [],
        lambda client: client.health.connect("web")[1] == [],
        lambda client: client.health.ingress("web")[1] == [],
        lambda client: client.status.leader() == "127.0.0.1:8300",
        lambda client: client.status.peers() == ["127.0.0.1:8300"],
    ],
)
async def test_it_understands_every_answer(client: consul.Consul, question: Call) -> None:
    await register(client)
    assert await call(question, client)


async def test_it_is_told_what_is_wrong_with_a_registration(client: consul.Consul) -> None:
    with pytest.raises(consul.exceptions.BadRequest, match="Missing service name"):
        await call(client.agent.service.register, "")
