"""Getting a client: from the registry within a system, or at a fixed address in any asyncio program."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from atoll.clients.channel import Channel, Surroundings
from atoll.clients.policy import CallPolicy
from atoll.clients.port import Resolver, Transport
from atoll.clients.proxy import channel_of, proxy
from atoll.clients.transport import HTTPTransport
from atoll.contracts import spec_of
from atoll.core.clock import Clock, SystemClock
from atoll.core.errors import DeclarationError
from atoll.core.hooks import Hooks
from atoll.core.machine import chance
from atoll.discovery.port import Instance

C = TypeVar("C")


class Clients:
    """The clients of a program, one for each contract; they share connections, and channels their breakers.

    Closing the transport is up to whoever made it.
    """

    def __init__(
        self,
        resolver: Resolver,
        transport: Transport,
        *,
        hooks: Hooks | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = chance,
        policy: CallPolicy | None = None,
    ) -> None:
        self._surroundings = Surroundings(
            resolver=resolver,
            transport=transport,
            hooks=hooks or Hooks(),
            clock=clock or SystemClock(),
            random=random,
            policy=policy or CallPolicy(),
        )
        self._made: dict[Any, object] = {}

    def of(self, contract: Callable[..., C]) -> C:
        """Return the client of `contract`, the same each time. Raises DeclarationError when it is no contract."""
        if contract not in self._made:
            self._made[contract] = proxy(contract, Channel(spec_of(contract).name, self._surroundings))
        return cast("C", self._made[contract])


def client(
    contract: Callable[..., C],
    *,
    url: str,
    transport: Transport | None = None,
    hooks: Hooks | None = None,
    policy: CallPolicy | None = None,
) -> C:
    """Return a client of `contract` for the one server at `url` (`http://host:port` or `https://…`).

    Needs nothing else of the toolkit, so it serves scripts and other frameworks. Without a `transport` it has its
    own: `await close_client(...)` when done. Raises DeclarationError when `url` or `contract` cannot be used.
    """
    instance, secure = _parse(url, spec_of(contract).name)
    if transport is None:
        transport = HTTPTransport(ssl=ssl.create_default_context() if secure else None)
    return Clients(_Fixed(instance), transport, hooks=hooks, policy=policy).of(contract)


async def close_client(client: object) -> None:
    """Close the connections of a client, and of those that share its transport. Idempotent."""
    await channel_of(client).transport.close()


class _Fixed:
    """The resolver of a client whose server is given."""

    def __init__(self, instance: Instance) -> None:
        self._instances = (instance,)

    async def instances(self, service: str) -> Sequence[Instance]:
        return self._instances


def _parse(url: str, service: str) -> tuple[Instance, bool]:
    wrong = DeclarationError(f"{url!r} is no address of a service; write http://host:port without a path")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    secure = parts.scheme == "https"
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in {"http", "https"} or not parts.hostname or extra:
        raise wrong
    return Instance(id=url, service=service, host=parts.hostname, port=port or (443 if secure else 80)), secure
