"""The registry port on Consul's HTTP API."""

from __future__ import annotations

import random as random_module
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar

from atoll.core.clock import Clock, SystemClock
from atoll.discovery.consul.client import ConsulClient
from atoll.discovery.consul.keeper import Keeper
from atoll.discovery.consul.watch import Contact, Watch
from atoll.discovery.port import Instance


class ConsulRegistry:
    """Registers with the Consul agent at `consul://[:TOKEN@]HOST[:PORT]`, and finds what passes there.

    A registered instance passes at once and is checked at `/readyz` every 10 s from then on, with 3 s to answer;
    Consul takes it out after a minute without success. While this process lives it is registered again should
    the agent lose it. `random` returns a number from 0 up to 1. Raises SettingsError for another kind of URL.
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"registration", "health"})

    def __init__(
        self, url: str, *, clock: Clock | None = None, random: Callable[[], float] = random_module.random
    ) -> None:
        self._clock = clock or SystemClock()
        self._random = random
        self._client = ConsulClient(url)
        self._contact = Contact()
        self._keeper = Keeper(self._client, clock=self._clock, random=random)

    async def register(self, instance: Instance) -> None:
        """Announce `instance`, which is ready. Raises RegistryError when that is not known to have worked."""
        await self._client.register(instance, ready=True)
        await self._keeper.keep(instance)

    async def deregister(self, instance_id: str) -> None:
        """Take an instance out, and no longer register it again. Raises RegistryError."""
        await self._keeper.drop(instance_id)
        await self._client.deregister(instance_id)

    async def discover(self, service: str) -> Sequence[Instance]:
        """Return the passing instances by id. Raises RegistryError."""
        answer = await self._client.passing(service)
        return answer.instances

    async def watch(self, service: str) -> AsyncIterator[Sequence[Instance]]:
        """Yield the passing instances now and on every change, through any absence of the registry."""
        follow = Watch(
            lambda index: self._client.passing(service, index=index),
            contact=self._contact,
            clock=self._clock,
            random=self._random,
        )
        async for instances in follow.changes():
            yield instances

    async def close(self) -> None:
        """End every watch and keep nothing registered any more; what is registered stays. Idempotent."""
        await self._keeper.close()
        await self._client.close()
