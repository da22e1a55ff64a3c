"""The conformance suites of the ServiceRegistry port: one for every registry, and one more for each feature.

An adapter declares its `FEATURES` and passes the suite for exactly those, under pytest with pytest-asyncio in its
auto mode::

    class TestMyRegistry(HealthSuite):
        @pytest.fixture
        def opening(self) -> Opening:
            @asynccontextmanager
            async def opening(*instances: Instance) -> AsyncIterator[ServiceRegistry]: ...
            return opening

        async def fail(self, registry: ServiceRegistry, instance_id: str) -> None: ...

`opening` opens a registry in which just `instances` are found, all passing, and closes it. No test of a feature is
skipped in silence: an adapter that declares more, or less, than its suite tests fails the suite.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar, Final

import pytest

from atoll.discovery import Instance, ServiceRegistry
from atoll.testing.checks import equal

DEADLINE: Final = 20.0

Opening = Callable[..., AbstractAsyncContextManager[ServiceRegistry]]


def instance(number: int = 1, *, service: str = "web", port: int = 0) -> Instance:
    """Return an instance of `service`; its id and address tell its number."""
    return Instance(
        id=f"{service}-{number}",
        service=service,
        host="127.0.0.1",
        port=port or 9000 + number,
        version=f"1.{number}",
        meta={"zone": "a"},
    )


class Watcher:
    """Keeps what a watch yields."""

    def __init__(self) -> None:
        self.answers: list[Sequence[Instance]] = []
        self._changed = asyncio.Condition()

    async def follow(self, watch: AsyncIterator[Sequence[Instance]]) -> None:
        """Take every answer until the watch ends."""
        async for answer in watch:
            self.answers.append(answer)
            async with self._changed:
                self._changed.notify_all()

    async def until(self, *addresses: str) -> None:
        """Wait until the latest answer is just these addresses, in whatever order."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(
                lambda: bool(self.answers) and sorted(addresses) == addresses_of(self.answers[-1])
            )


@asynccontextmanager
async def watching(registry: ServiceRegistry, service: str) -> AsyncGenerator[Watcher, None]:
    """Watch `service` meanwhile."""
    watcher = Watcher()
    task = asyncio.create_task(watcher.follow(registry.watch(service)))
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class ServiceRegistrySuite:
    """What every registry must do, whether it can be registered with or not."""

    TESTED: ClassVar[frozenset[str]] = frozenset()

    @pytest.fixture
    def opening(self) -> Opening:
        """Override: return a function that opens a registry with the instances it is given."""
        raise NotImplementedError("override the fixture `opening`")

    async def test_the_suite_is_the_one_for_the_declared_features(self, opening: Opening) -> None:
        async with opening() as registry:
            equal(getattr(type(registry), "FEATURES", None), self.TESTED)

    async def test_a_service_is_found_at_its_addresses(self, opening: Opening) -> None:
        async with opening(instance(1), instance(2)) as registry:
            equal(addresses_of(await registry.discover("web")), ["127.0.0.1:9001", "127.0.0.1:9002"])

    async def test_instances_are_found_in_the_same_order_each_time(self, opening: Opening) -> None:
        async with opening(instance(2), instance(3), instance(1)) as registry:
            equal(list(await registry.discover("web")), list(await registry.discover("web")))

    async def test_no_two_instances_have_the_same_id(self, opening: Opening) -> None:
        async with opening(instance(1), instance(2)) as registry:
            equal(len({each.id for each in await registry.discover("web")}), 2)

    async def test_other_services_are_not_found(self, opening: Opening) -> None:
        async with opening(instance(1), instance(2, service="shop")) as registry:
            equal([each.service for each in await registry.discover("web")], ["web"])

    async def test_an_unknown_service_has_no_instances(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry:
            equal(list(await registry.discover("other")), [])

    async def test_a_watch_begins_with_what_is_there(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry, watching(registry, "web") as watcher:
            await watcher.until("127.0.0.1:9001")

    async def test_a_watch_of_an_unknown_service_begins_with_nothing(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry, watching(registry, "other") as watcher:
            await watcher.until()

    async def test_registering_is_no_error(self, opening: Opening) -> None:
        async with opening() as registry:
            await registry.register(instance(1))

    async def test_deregistering_what_is_not_there_is_no_error(self, opening: Opening) -> None:
        async with opening() as registry:
            await registry.deregister("web-9")

    async def test_closing_ends_every_watch(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry:
            watcher = Watcher()
            following = asyncio.create_task(watcher.follow(registry.watch("web")))
            await watcher.until("127.0.0.1:9001")
            await registry.close()
            await asyncio.wait_for(following, DEADLINE)

    async def test_closing_twice_is_no_error(self, opening: Opening) -> None:
        async with opening() as registry:
            await registry.close()
            await registry.close()


class RegistrationSuite(ServiceRegistrySuite):
    """What a registry does besides when services can register with it (feature `registration`)."""

    TESTED: ClassVar[frozenset[str]] = frozenset({"registration"})

    async def test_an_instance_is_found_as_it_was_registered(self, opening: Opening) -> None:
        async with opening() as registry:
            await registry.register(instance(1))
            equal(list(await registry.discover("web")), [instance(1)])

    async def test_registering_twice_changes_nothing(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry:
            await registry.register(instance(1))
            equal(list(await registry.discover("web")), [instance(1)])

    async def test_registering_an_id_again_moves_the_instance(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry:
            await registry.register(instance(1, port=9101))
            equal(addresses_of(await registry.discover("web")), ["127.0.0.1:9101"])

    async def test_a_deregistered_instance_is_not_found(self, opening: Opening) -> None:
        async with opening(instance(1), instance(2)) as registry:
            await registry.deregister("web-1")
            equal(list(await registry.discover("web")), [instance(2)])

    async def test_instances_are_found_in_the_order_of_their_ids(self, opening: Opening) -> None:
        async with opening(instance(2), instance(3), instance(1)) as registry:
            equal([each.id for each in await registry.discover("web")], ["web-1", "web-2", "web-3"])

    async def test_an_id_may_hold_any_text(self, opening: Opening) -> None:
        odd = Instance(id="a/b?c=d&ä %1", service="a b/ß", host="127.0.0.1", port=9001)
        async with opening(odd) as registry:
            equal(list(await registry.discover("a b/ß")), [odd])
            await registry.deregister(odd.id)
            equal(list(await registry.discover("a b/ß")), [])

    async def test_every_watch_tells_of_an_instance_that_comes_and_goes(self, opening: Opening) -> None:
        async with opening() as registry, watching(registry, "web") as one, watching(registry, "web") as other:
            await registry.register(instance(1))
            await asyncio.gather(one.until("127.0.0.1:9001"), other.until("127.0.0.1:9001"))
            await registry.deregister("web-1")
            await asyncio.gather(one.until(), other.until())

    async def test_a_watch_tells_of_an_instance_that_moves(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry, watching(registry, "web") as watcher:
            await registry.register(instance(1, port=9101))
            await watcher.until("127.0.0.1:9101")

    async def test_a_watch_tells_nothing_of_other_services(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry, watching(registry, "web") as watcher:
            await watcher.until("127.0.0.1:9001")
            await registry.register(instance(1, service="shop"))
            await registry.register(instance(2))
            await watcher.until("127.0.0.1:9001", "127.0.0.1:9002")
            equal(len(watcher.answers), 2)

    async def test_a_watch_misses_nothing_however_fast_it_changes(self, opening: Opening) -> None:
        async with opening() as registry, watching(registry, "web") as watcher:
            for number in range(1, 9):
                await registry.register(instance(number))
            await watcher.until(*(instance(number).address for number in range(1, 9)))


class HealthSuite(RegistrationSuite):
    """What a registry does besides when it knows who fails (feature `health`)."""

    TESTED: ClassVar[frozenset[str]] = frozenset({"registration", "health"})

    async def fail(self, registry: ServiceRegistry, instance_id: str) -> None:
        """Override: let a check of the instance fail."""
        raise NotImplementedError("override the method `fail`")

    async def test_an_instance_that_fails_is_not_found(self, opening: Opening) -> None:
        async with opening(instance(1), instance(2)) as registry:
            await self.fail(registry, "web-1")
            equal(list(await registry.discover("web")), [instance(2)])

    async def test_when_all_fail_none_is_found(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry:
            await self.fail(registry, "web-1")
            equal(list(await registry.discover("web")), [])

    async def test_a_watch_tells_of_an_instance_that_fails(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry, watching(registry, "web") as watcher:
            await watcher.until("127.0.0.1:9001")
            await self.fail(registry, "web-1")
            await watcher.until()

    async def test_an_instance_that_registers_again_is_found_again(self, opening: Opening) -> None:
        async with opening(instance(1)) as registry, watching(registry, "web") as watcher:
            await self.fail(registry, "web-1")
            await watcher.until()
            await registry.register(instance(1))
            await watcher.until("127.0.0.1:9001")


def addresses_of(instances: Sequence[Instance]) -> list[str]:
    """Return the addresses, sorted."""
    return sorted(each.address for each in instances)
