"""The engines under torture: a broker that is ours to kill, or a server of the user's that only its link can part from.

Services are given the address of a link in place of the server's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from atoll.core import AtollError
from atoll.messaging.nats.server import NatsServer
from atoll.torture.errors import WrongTorture
from atoll.torture.link import Link

BROKER: Final = "broker"
DATABASE: Final = "database"
PORTS: Final = {"nats": 4222, "amqp": 5672, "postgresql": 5432, "postgres": 5432}
START_PAUSE: Final = 0.2
START_ATTEMPTS: Final = 20


class Broker:
    """A nats-server of our own that is killed and started again on the same store and port."""

    def __init__(self, directory: Path, *, preexec: Callable[[], None] | None = None) -> None:
        self._server = NatsServer(directory, preexec=preexec)
        self._running = False

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return self._server.url

    @property
    def pid(self) -> int:
        """Its process, 0 while there is none."""
        return self._server.pid if self._running else 0

    async def start(self) -> None:
        """Return when it takes connections; tried again for a while, because a killed one may still hold its port."""
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                await self._server.start()
            except AtollError:
                if attempt == START_ATTEMPTS:
                    raise
                await asyncio.sleep(START_PAUSE)
            else:
                self._running = True
                return

    async def crash(self) -> None:
        """Kill it, and return when it is gone."""
        self._server.kill()
        await self._server.wait()
        self._running = False

    async def stop(self) -> None:
        """End it. Idempotent."""
        await self._server.stop()
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
    """Return what an engine is called in a report: the scheme of its URL."""
    return urlsplit(url).scheme


def environment(urls: Mapping[str, str], links: Mapping[str, Link]) -> dict[str, str]:
    """Return the variables that lead services through the links. `urls` are by link name."""
    variables = {BROKER: "ATOLL_BROKER_URL", DATABASE: "ATOLL_DATABASE_URL"}
    return {variables[name]: through(url, links[name]) if name in links else url for name, url in urls.items()}
