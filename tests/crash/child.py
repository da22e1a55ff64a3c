"""One life of the process that is killed: both services in one loop.

ATOLL_CRASH arms it at its start, and a call of the bank later on.
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import uvloop

from atoll.core.hooks import Hooks
from atoll.core.settings import Settings
from atoll.discovery import MemoryRegistry, ServiceRegistry
from atoll.messaging import MessageQueue
from atoll.observability import configure_logging
from atoll.service import Service, ServiceHost
from atoll.service.ground import RealGround
from atoll.system.wire import Ready, Spawn, encode
from tests.crash.arming import arm
from tests.crash.broker import SocketQueue
from tests.crash.system import BankService, TillService


def run(order: Spawn, channel: socket.socket) -> int:
    """Serve until killed."""
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    settings = Settings.read(order.environ)
    configure_logging("crash", instance="0", format="text", level="INFO")
    if armed := order.environ.get("ATOLL_CRASH", ""):
        arm(armed)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, order.key, channel))
    return 0


class _Ground(RealGround):
    """Real engines; the services find each other in this process, and the test keeps the broker in memory."""

    def __init__(self) -> None:
        self._registry = MemoryRegistry()

    def registry(self, settings: Settings) -> ServiceRegistry:
        return self._registry

    async def queue(self, settings: Settings, *, hooks: Hooks) -> MessageQueue:
        if settings.broker_url == "memory:":
            return await SocketQueue.connect(Path(settings.environ["MEMORY_BROKER"]))
        return await super().queue(settings, hooks=hooks)


async def _serve(settings: Settings, key: str, channel: socket.socket) -> None:
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(channel, gone.set)
    ground = _Ground()
    hosts = [_host(each, settings, ground) for each in (BankService, TillService)]
    await asyncio.gather(*(host.start() for host in hosts))
    channel.sendall(encode(Ready(key=key, addresses={host.service.name: host.address for host in hosts})))
    await gone.wait()


def _host(service: type[Service], settings: Settings, ground: RealGround) -> ServiceHost[Service]:
    return ServiceHost(service, settings, ground=ground)
