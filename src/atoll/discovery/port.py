"""The registry port: who is there, and how to be told when that changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One running copy of a service. `id` is unique in the registry; `meta` holds what balancing may look at."""

    id: str
    service: str
    host: str
    port: int
    version: str = ""
    meta: Mapping[str, str] = {}

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class ServiceRegistry(Protocol):
    """Where services announce themselves and find each other. An empty answer is an answer."""

    async def register(self, instance: Instance) -> None:
        """Announce `instance`, which is listening and ready; its `/readyz` is checked from now on. Idempotent."""
        ...

    async def deregister(self, instance_id: str) -> None:
        """Take an instance out. One that is not there is no error."""
        ...

    async def discover(self, service: str) -> Sequence[Instance]:
        """Return the instances of `service` whose checks pass, in a stable order."""
        ...

    def watch(self, service: str) -> AsyncIterator[Sequence[Instance]]:
        """Yield the passing instances now and again on every change; never ends, reconnects by itself."""
        ...

    async def close(self) -> None:
        """Release connections. Idempotent."""
        ...
