"""Where services are, from answers kept at hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from atoll.discovery import Instance, MemoryRegistry, NoAnswerYet, RegistryClosed, Resolver, StaticRegistry
from tests.unit.discovery.fakes import settle

WEB = Instance(id="web-1", service="web", host="a", port=1)


class Watched(MemoryRegistry):
    """Counts its watches; `broken` ones raise instead of answering, `silent` ones never answer."""

    def __init__(self) -> None:
        super().__init__()
        self.watches = 0
        self.broken = False
        self.silent = False

    async def watch(self, service: str) -> AsyncIterator[Sequence[Instance]]:
        self.watches += 1
        if self.broken:
            raise RuntimeError("a fault of its own")
        if self.silent:
            await asyncio.Event().wait()
        async for instances in super().watch(service):
            yield instances


@pytest.fixture
def registry() -> Watched:
    return Watched()


@pytest.fixture
async def resolver(registry: Watched) -> AsyncIterator[Resolver]:
    resolver = Resolver(registry, first_answer=0.05)
    yield resolver
    await resolver.close()


async def test_it_answers_what_the_registry_does(registry: Watched, resolver: Resolver) -> None:
    await registry.register(WEB)
    assert await resolver.instances("web") == (WEB,)


async def test_an_empty_answer_is_an_answer(resolver: Resolver) -> None:
    assert await resolver.instances("web") == ()


async def test_it_sees_later_changes(registry: Watched, resolver: Resolver) -> None:
    await resolver.instances("web")
    await registry.register(WEB)
    await settle()
    assert await resolver.instances("web") == (WEB,)


async def test_each_service_is_watched_once(registry: Watched, resolver: Resolver) -> None:
    await asyncio.gather(*(resolver.instances("web") for _ in range(5)))
    await resolver.instances("web")
    assert registry.watches == 1


async def test_a_registry_that_does_not_answer_is_told(registry: Watched, resolver: Resolver) -> None:
    registry.silent = True
    with pytest.raises(NoAnswerYet, match="told nothing about web"):
        await resolver.instances("web")


async def test_giving_up_one_call_leaves_the_watch_to_the_next(registry: Watched, resolver: Resolver) -> None:
    registry.silent = True
    call = asyncio.create_task(resolver.instances("web"))
    await settle()
    call.cancel()
    with pytest.raises(NoAnswerYet):
        await resolver.instances("web")
    assert registry.watches == 1


async def test_a_watch_that_breaks_is_begun_anew_by_the_next_call(registry: Watched, resolver: Resolver) -> None:
    registry.broken = True
    with pytest.raises(NoAnswerYet):
        await resolver.instances("web")
    registry.broken = False
    assert await resolver.instances("web") == ()


async def test_a_closed_registry_is_told_at_once(registry: Watched) -> None:
    await registry.close()
    resolver = Resolver(registry, first_answer=60.0)
    with pytest.raises(NoAnswerYet):
        await asyncio.wait_for(resolver.instances("web"), 5)


async def test_a_closed_resolver_answers_only_what_it_knew(registry: Watched, resolver: Resolver) -> None:
    await resolver.instances("web")
    await resolver.close()
    assert await resolver.instances("web") == ()
    with pytest.raises(RegistryClosed):
        await resolver.instances("other")


async def test_closing_leaves_no_task_behind(resolver: Resolver) -> None:
    before = asyncio.all_tasks()
    await resolver.instances("web")
    await resolver.close()
    await resolver.close()
    assert asyncio.all_tasks() == before


async def test_it_works_on_fixed_addresses_too() -> None:
    resolver = Resolver(StaticRegistry({"web": ["a:1"]}))
    assert [each.address for each in await resolver.instances("web")] == ["a:1"]
    await resolver.close()
