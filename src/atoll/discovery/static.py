"""The registry of those who know where everything is: addresses written in a setting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from atoll.core.errors import SettingsError
from atoll.discovery.port import Instance


class StaticRegistry:
    """Finds each service at its given `HOST:PORT` addresses, for ever, whether anyone is there or not.

    Registering is accepted and changes nothing. Raises SettingsError naming every address that is none.
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        problems = [
            f"{address!r} of service {service!r} is not an address; write it HOST:PORT"
            for service, given in addresses.items()
            for address in given
            if not _is_address(address)
        ]
        if problems:
            raise SettingsError(problems)
        self._instances = {
            service: tuple(_instance(service, address) for address in given) for service, given in addresses.items()
        }
        self._closed = asyncio.Event()

    @classmethod
    def from_url(cls, url: str) -> StaticRegistry:
        """Read `static:SERVICE=HOST:PORT,HOST:PORT;SERVICE=…`. Raises SettingsError when it is not of that form."""
        scheme, _, text = url.partition(":")
        pairs = [part.partition("=") for part in text.split(";") if part.strip()]
        if scheme != "static" or not all(service.strip() and equals for service, equals, _ in pairs):
            raise SettingsError(
                [f"the registry URL is {url!r}, but must be written static:SERVICE=HOST:PORT,HOST:PORT;SERVICE=…"]
            )
        return cls({service.strip(): _split(addresses) for service, _, addresses in pairs})

    async def register(self, instance: Instance) -> None:
        """Do nothing: the addresses are those given."""

    async def deregister(self, instance_id: str) -> None:
        """Do nothing: the addresses are those given."""

    async def discover(self, service: str) -> Sequence[Instance]:
        """Return the given addresses, in the order given."""
        return self._instances.get(service, ())

    async def watch(self, service: str) -> AsyncIterator[Sequence[Instance]]:
        """Yield the given addresses once, and wait: they never change."""
        yield await self.discover(service)
        await self._closed.wait()

    async def close(self) -> None:
        """End every watch. Idempotent."""
        self._closed.set()


def _split(addresses: str) -> list[str]:
    return [each.strip() for each in addresses.split(",") if each.strip()]


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(f"tcp://{text}")
        return bool(parts.hostname and parts.port) and not (parts.path or parts.query or parts.username)
    except ValueError:
        return False


def _instance(service: str, address: str) -> Instance:
    parts = urlsplit(f"tcp://{address}")
    return Instance(id=f"{service}@{address}", service=service, host=parts.hostname or "", port=parts.port or 0)
