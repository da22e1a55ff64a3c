"""What a service stands on, opened from its settings; a simulation puts a ground of its own below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from atoll.clients import HTTPTransport
from atoll.clients.port import Resolver, Transport
from atoll.core.clock import Clock
from atoll.core.context import Principal
from atoll.core.hooks import Hooks
from atoll.core.settings import Settings
from atoll.discovery import ServiceRegistry, open_registry
from atoll.messaging import MessageQueue, open_queue
from atoll.service.authentication import authenticator
from atoll.service.server import HttpServer
from atoll.service.tokens import token_verifier
from atoll.storage import Database

Authenticate = Callable[[str], Awaitable[Principal | None]]


class Server(Protocol):
    """Serves an ASGI application at `host:port`."""

    host: str
    port: int

    async def start(self) -> None:
        """Begin to accept."""
        ...

    async def stop(self) -> None:
        """Accept no more, let requests in hand end, close. Idempotent."""
        ...


class Ground(Protocol):
    """The engines of one service process. Whoever asks for one closes it."""

    async def database(self, settings: Settings, service: str, *, hooks: Hooks, clock: Clock) -> Database:
        """Open the database of `service`, with the toolkit's own tables in it."""
        ...

    async def queue(self, settings: Settings, *, hooks: Hooks) -> MessageQueue:
        """Connect to the broker."""
        ...

    def registry(self, settings: Settings) -> ServiceRegistry:
        """Return the registry of services."""
        ...

    def transport(self) -> Transport:
        """Return what calls to other services travel by."""
        ...

    def server(self, app: Callable[..., Any], settings: Settings) -> Server:
        """Return the server of `app`, which holds its address but does not serve yet."""
        ...

    def authenticate(self, settings: Settings, resolver: Resolver, transport: Transport, clock: Clock) -> Authenticate:
        """Return the check of an Authorization header."""
        ...


class RealGround:
    """The engines that the URLs of the settings name, and real sockets."""

    async def database(self, settings: Settings, service: str, *, hooks: Hooks, clock: Clock) -> Database:
        url = settings.database_for(service)
        return await Database.open(url, hooks=hooks, clock=clock, unsafe=settings.unsafe)

    async def queue(self, settings: Settings, *, hooks: Hooks) -> MessageQueue:
        return await open_queue(settings.broker_url, namespace=settings.system, hooks=hooks, unsafe=settings.unsafe)

    def registry(self, settings: Settings) -> ServiceRegistry:
        return open_registry(settings.registry_url)

    def transport(self) -> Transport:
        return HTTPTransport()

    def server(self, app: Callable[..., Any], settings: Settings) -> Server:
        return HttpServer(app, host=settings.host, port=settings.port, drain_seconds=settings.drain_seconds)

    def authenticate(self, settings: Settings, resolver: Resolver, transport: Transport, clock: Clock) -> Authenticate:
        return authenticator(token_verifier(settings, resolver, transport, clock))
