"""What a simulated service process stands on: the same ports, with the simulation behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from atoll.clients.port import Resolver, Transport
from atoll.core.clock import Clock
from atoll.core.context import Principal
from atoll.core.hooks import Hooks
from atoll.core.settings import Settings
from atoll.discovery import ServiceRegistry
from atoll.messaging import MessageQueue
from atoll.service.errors import Unauthenticated
from atoll.service.ground import Authenticate, Server
from atoll.storage import Database
from atoll.testing.simulation.broker import SimulatedBroker
from atoll.testing.simulation.database import SimulatedDatabase, SimulatedEngine
from atoll.testing.simulation.network import Network, SimulatedRegistry, SimulatedServer, SimulatedTransport
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.queue import SimulatedQueue


class SimulatedGround:
    """The engines of one process; see `atoll.service.ground.Ground`."""

    def __init__(
        self, process: Process, database: SimulatedDatabase, broker: SimulatedBroker, network: Network
    ) -> None:
        self._process = process
        self._database = database
        self._broker = broker
        self._network = network

    async def database(self, settings: Settings, service: str, *, hooks: Hooks, clock: Clock) -> Database:
        return await Database.over(SimulatedEngine(self._database, self._process), hooks=hooks, clock=clock)

    async def queue(self, settings: Settings, *, hooks: Hooks) -> MessageQueue:
        return SimulatedQueue(self._broker, self._process)

    def registry(self, settings: Settings) -> ServiceRegistry:
        return SimulatedRegistry(self._network, self._process)

    def transport(self) -> Transport:
        return SimulatedTransport(self._network, self._process)

    def server(self, app: Callable[..., Any], settings: Settings) -> Server:
        return SimulatedServer(self._network, self._process, app)

    def authenticate(self, settings: Settings, resolver: Resolver, transport: Transport, clock: Clock) -> Authenticate:
        return authenticate


def principal(subject: str, *roles: str) -> Principal:
    """Return an end user whom every simulated service believes."""
    token = msgspec.json.encode([subject, sorted(roles)]).hex()
    return Principal(subject=subject, roles=frozenset(roles), token=token)


async def authenticate(header: str) -> Principal | None:
    """Read a token of `principal`. Raises Unauthenticated for any other."""
    if not header:
        return None
    try:
        subject, roles = msgspec.json.decode(bytes.fromhex(header.partition(" ")[2]), type=tuple[str, list[str]])
    except (ValueError, msgspec.DecodeError) as error:
        raise Unauthenticated("in a simulation tokens are made by `atoll.testing.simulation.principal`") from error
    return principal(subject, *roles)
