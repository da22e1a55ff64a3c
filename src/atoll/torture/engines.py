"""The engines under torture: a broker that is ours to kill, or a server of the user's that only its link can part from.

Services are given the address of a link in place of the server's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from atoll.core import AtollError
from atoll.messaging.nats.server import NatsServer
from atoll.system.lifeline import lifeline
from atoll.torture.errors import WrongTorture
from atoll.torture.link import Link

BROKER: Final = "broker"
DATABASE: Final = "database"
BROKERS: Final = ("nats", "rabbitmq")
VARIABLES: Final = {BROKER: "ATOLL_BROKER_URL", DATABASE: "ATOLL_DATABASE_URL"}
PORTS: Final = {"nats": 4222, "amqp": 5672, "postgresql": 5432, "postgres": 5432}
NAMES: Final = {"amqp": "rabbitmq", "amqps": "rabbitmq", "postgres": "postgresql"}
START_PAUSE: Final = 0.2
START_ATTEMPTS: Final = 20


class Server(Protocol):
    """A broker as a child process, which keeps its port and its store."""

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        ...

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    async def start(self) -> None:
        """Return when it takes connections."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        ...

    async def stop(self) -> None:
        """End it. Idempotent."""
        ...


class Broker:
    """A broker of our own that is killed and started again."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._running = False

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return self.server.url

    @property
    def pid(self) -> int:
        """Its process, 0 while there is none."""
        return self.server.pid if self._running else 0

    async def start(self) -> None:
        """Return when it takes connections; tried again for a while, because a killed one may still hold its port."""
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                await self.server.start()
            except AtollError:
                if attempt == START_ATTEMPTS:
                    raise
                await asyncio.sleep(START_PAUSE)
            else:
                self._running = True
                return

    async def crash(self) -> None:
        """Kill it, and return when it is gone."""
        self.server.kill()
        await self.server.wait()
        self._running = False

    async def stop(self) -> None:
        """End it. Idempotent."""
        await self.server.stop()
        self._running = False


def link_for(name: str, url: str) -> Link | None:
    """Return a link in front of the server that `url` names, None when there is no server in it (a file, memory).

    Raises WrongTorture for several servers, because there is one link.
    """
    scheme = urlsplit(url).scheme.partition("+")[0]
    if scheme not in PORTS:
        return None
    if "," in url:
        raise WrongTorture(f"{without_password(url)} names several servers; a link goes to one, so name one")
    parts = urlsplit(url)
    return Link(name, parts.hostname or "127.0.0.1", parts.port or PORTS[scheme])


def through(url: str, link: Link) -> str:
    """Return `url` with the address of `link` in place of the server's own."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{link.address}"))


def without_password(url: str) -> str:
    """Return `url` as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def kind_of(url: str) -> str:
    """Return what the engine at `url` is called."""
    scheme = urlsplit(url).scheme.partition("+")[0]
    return NAMES.get(scheme, scheme)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """The engines of one run. `urls` are the servers' own by name; `broker` is None when it is not ours.

    `environ` is what leads the services through the links.
    """

    urls: Mapping[str, str]
    links: Mapping[str, Link]
    broker: Broker | None

    @property
    def environ(self) -> dict[str, str]:
        """The variables to start the system with."""
        led = {name: through(url, self.links[name]) if name in self.links else url for name, url in self.urls.items()}
        return {VARIABLES[name]: url for name, url in led.items()}

    def kind(self, name: str, default: str) -> str:
        """What the engine is called in a report."""
        return kind_of(self.urls.get(name, default))


@asynccontextmanager
async def engines(directory: Path, environ: Mapping[str, str], *, broker: str) -> AsyncGenerator[Engines]:
    """Start what a run needs: a broker unless `environ` names one, and a link in front of each server.

    `broker` is the kind to start, one of BROKERS; its store is below `directory`. All of it ends with this block,
    and with this process. Raises WrongTorture for a URL that cannot be linked.
    """
    urls = {name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable)}
    ours = None if BROKER in urls else Broker(_server(broker, directory))
    async with AsyncExitStack() as stack:
        if ours is not None:
            stack.push_async_callback(ours.stop)
            await ours.start()
            urls[BROKER] = ours.url
        links = {name: link for name, url in urls.items() if (link := link_for(name, url))}
        for link in links.values():
            stack.push_async_callback(link.close)
            await link.start()
        yield Engines(urls=urls, links=links, broker=ours)


def _server(kind: str, directory: Path) -> Server:
    if kind == "nats":
        return NatsServer(directory / "nats", preexec=lifeline())
    if kind == "rabbitmq":
        from atoll.messaging.rabbitmq import RabbitMQServer

        return RabbitMQServer(directory / "rabbitmq", preexec=lifeline())
    raise WrongTorture(f"there is no broker {kind!r} to start; there are {', '.join(BROKERS)}")
