"""A registry within one process: the fake for tests of whatever discovers services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from atoll.discovery.port import Instance


class MemoryRegistry:
    """Keeps instances in a dictionary. Nothing is checked: an instance passes unless `mark` says that it does not."""

    FEATURES: ClassVar[frozenset[str]] = frozenset({"registration", "health"})

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self._failing: set[str] = set()
        self._change = asyncio.Event()
        self._closed = False

    async def register(self, instance: Instance) -> None:
        """Add an instance, passing, in the place of the one with its id."""
        self._instances[instance.id] = instance
        self.mark(instance.id, passing=True)

    async def deregister(self, instance_id: str) -> None:
        """Take an instance out; one that is not there is no error."""
        self._instances.pop(instance_id, None)
        self.mark(instance_id, passing=True)

    def mark(self, instance_id: str, *, passing: bool) -> None:
        """Let an instance pass, or fail, its check."""
        (self._failing.discard if passing else self._failing.add)(instance_id)
        self._notify()

    async def discover(self, service: str) -> Sequence[Instance]:
        """Return the passing instances by id."""
        return self._passing(service)

    async def watch(self, service: str) -> AsyncIterator[Sequence[Instance]]:
        """Yield the passing instances now and on every change."""
        last: Sequence[Instance] | None = None
        while not self._closed:
            change, now = self._change, self._passing(service)
            if now != last:
                last = now
                yield now
            await change.wait()

    async def close(self) -> None:
        """End every watch. Idempotent."""
        self._closed = True
        self._notify()

    def _passing(self, service: str) -> Sequence[Instance]:
        found = [each for each in self._instances.values() if each.service == service and each.id not in self._failing]
        return tuple(sorted(found, key=lambda each: each.id))

    def _notify(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
