"""Our client and our agent over real sockets, while services and agents come and go."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atoll.discovery import (
    ConsulAgent,
    ConsulRegistry,
    Instance,
    RegistryClosed,
    RegistryRefused,
    RegistryUnreachable,
    Resolver,
)
from atoll.testing.registry_suite import watching
from tests.integration.discovery.conftest import Backend
from tests.integration.discovery.serving import served, talking
from tests.unit.discovery.fakes import VirtualClock, eventually


def web(port: int) -> Instance:
    return Instance(id="web-1", service="web", host="127.0.0.1", port=port, version="1.0")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def agent(clock: VirtualClock) -> ConsulAgent:
    return ConsulAgent(clock=clock, random=lambda: 0.5)


@pytest.fixture
async def port(agent: ConsulAgent) -> AsyncIterator[int]:
    async with served(agent) as port:
        yield port


@pytest.fixture
async def registry(port: int) -> AsyncIterator[ConsulRegistry]:
    registry = ConsulRegistry(f"consul://127.0.0.1:{port}")
    yield registry
    await registry.close()


async def test_the_readiness_of_an_instance_is_asked_at_once(registry: ConsulRegistry, backend: Backend) -> None:
    backend.status = 503
    await registry.register(web(backend.port))
    async with watching(registry, "web") as watcher:
        await watcher.until()
    assert backend.asked[0] == "GET /readyz HTTP/1.1"


async def test_an_instance_that_stops_being_ready_is_left_out_after_the_next_check(
    registry: ConsulRegistry, backend: Backend, clock: VirtualClock
) -> None:
    await registry.register(web(backend.port))
    async with watching(registry, "web") as watcher:
        await watcher.until(f"127.0.0.1:{backend.port}")
        await eventually(lambda: clock.waits(10))
        backend.status = 503
        await clock.advance(10)
        await watcher.until()


async def test_an_instance_that_is_ready_again_is_back(
    registry: ConsulRegistry, backend: Backend, clock: VirtualClock
) -> None:
    backend.status = 503
    await registry.register(web(backend.port))
    async with watching(registry, "web") as watcher:
        await watcher.until()
        backend.status = 200
        await eventually(lambda: clock.waits(10))
        await clock.advance(10)
        await watcher.until(f"127.0.0.1:{backend.port}")


async def test_watches_outlive_the_agent(backend: Backend, free_port: int) -> None:
    registry = ConsulRegistry(f"consul://127.0.0.1:{free_port}", random=lambda: 0.01)
    async with watching(registry, "web") as watcher:
        async with served(ConsulAgent(), port=free_port):
            await registry.register(web(backend.port))
            await watcher.until(f"127.0.0.1:{backend.port}")
        async with served(ConsulAgent(), port=free_port):
            await watcher.until()
            await registry.register(web(backend.port))
            await watcher.until(f"127.0.0.1:{backend.port}")
    await registry.close()


async def test_an_agent_that_begins_anew_is_told_again(backend: Backend, free_port: int, clock: VirtualClock) -> None:
    registry = ConsulRegistry(f"consul://127.0.0.1:{free_port}", clock=clock)
    async with served(ConsulAgent(), port=free_port):
        await registry.register(web(backend.port))
    other = ConsulRegistry(f"consul://127.0.0.1:{free_port}", random=lambda: 0.01)
    async with served(ConsulAgent(), port=free_port), watching(other, "web") as watcher:
        await watcher.until()
        await clock.advance(15)
        await watcher.until(f"127.0.0.1:{backend.port}")
    await registry.close()
    await other.close()


async def test_what_was_deregistered_is_not_told_again(
    agent: ConsulAgent, port: int, backend: Backend, clock: VirtualClock
) -> None:
    registry = ConsulRegistry(f"consul://127.0.0.1:{port}", clock=clock, random=lambda: 0.5)
    await registry.register(web(backend.port))
    await registry.deregister("web-1")
    await eventually(lambda: not clock.waits(10))
    await registry.close()


async def test_the_last_answer_stands_while_the_agent_is_away(backend: Backend, free_port: int) -> None:
    registry = ConsulRegistry(f"consul://127.0.0.1:{free_port}", random=lambda: 0.01)
    resolver = Resolver(registry)
    async with served(ConsulAgent(), port=free_port):
        await registry.register(web(backend.port))
        before = await resolver.instances("web")
    with pytest.raises(RegistryUnreachable):
        await registry.discover("web")
    assert await resolver.instances("web") == before == (web(backend.port),)
    await resolver.close()
    await registry.close()


async def test_a_registry_that_is_not_there_is_told_in_a_sentence(free_port: int) -> None:
    registry = ConsulRegistry(f"consul://127.0.0.1:{free_port}")
    with pytest.raises(RegistryUnreachable, match=f"the registry at http://127.0.0.1:{free_port} gave no answer"):
        await registry.register(web(1))


async def test_a_refusal_is_told_in_a_sentence(registry: ConsulRegistry) -> None:
    unfit = Instance(id="web-1", service="web", host="127.0.0.1", port=1, meta={"a b": ""})
    with pytest.raises(RegistryRefused, match="refused with 400: Invalid Service Meta") as caught:
        await registry.register(unfit)
    assert caught.value.status == 400


async def test_what_is_no_registry_is_told_in_a_sentence(backend: Backend) -> None:
    registry = ConsulRegistry(f"consul://127.0.0.1:{backend.port}")
    with pytest.raises(RegistryUnreachable, match="no X-Consul-Index, so it is not Consul"):
        await registry.discover("web")


async def test_a_closed_registry_says_so(registry: ConsulRegistry) -> None:
    await registry.close()
    with pytest.raises(RegistryClosed):
        await registry.discover("web")


async def test_cancelling_a_call_is_not_taken_for_closing(registry: ConsulRegistry) -> None:
    call = asyncio.create_task(registry.discover("web"))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_token_is_sent_along() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nX-Consul-Index: 1\r\nContent-Length: 2\r\n\r\n[]")

    async with talking(talk) as port:
        await ConsulRegistry(f"consul://:secret@127.0.0.1:{port}").discover("web")
    assert b"X-Consul-Token: secret\r\n" in heads[0]


async def test_a_watcher_that_leaves_does_not_keep_the_agent_waiting(
    agent: ConsulAgent, registry: ConsulRegistry
) -> None:
    async with watching(registry, "web") as watcher:
        await watcher.until()
        await eventually(lambda: agent.waiting == 1)
    await eventually(lambda: agent.waiting == 0)
