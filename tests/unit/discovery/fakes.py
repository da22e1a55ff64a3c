"""Time that stands still until it is told to move, and a client that calls an ASGI app without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec


class VirtualClock:
    """Time moves only in `advance`; sleepers wake in the order of their times."""

    def __init__(self, now: float = 1_000.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.append((self._now + seconds, sleeper))
            await sleeper

    def waits(self, seconds: float) -> bool:
        """Tell whether someone sleeps for just that long from now."""
        return any(when == self._now + seconds and not sleeper.done() for when, sleeper in self._sleepers)

    async def advance(self, seconds: float) -> None:
        end = self._now + seconds
        await settle()
        while due := sorted(each[0] for each in self._sleepers if each[0] <= end and not each[1].done()):
            self._now = due[0]
            for when, sleeper in self._sleepers:
                if when <= self._now and not sleeper.done():
                    sleeper.set_result(None)
            await settle()
        self._now = end


async def settle() -> None:
    """Let every task go as far as it can without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)


async def eventually(condition: Callable[[], bool]) -> None:
    """Let tasks and sockets go on until the condition is true."""
    async with asyncio.timeout(20):
        while not condition():
            await settle()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def index(self) -> int:
        return int(self.headers["x-consul-index"])


class Client:
    """Calls an ASGI app in this task."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.gone = asyncio.Event()

    async def get(self, path: str) -> Answer:
        return await self.call("GET", path)

    async def put(self, path: str, body: object = None) -> Answer:
        return await self.call("PUT", path, msgspec.json.encode(body) if body is not None else b"")

    async def call(self, method: str, path: str, body: bytes = b"") -> Answer:
        plain, _, query = path.partition("?")
        scope = {"type": "http", "method": method, "path": plain, "query_string": query.encode()}
        requests = [{"type": "http.request", "body": body, "more_body": False}]
        events: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            if requests:
                return requests.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(event: MutableMapping[str, Any]) -> None:
            events.append(event)

        await self.app(scope, receive, send)
        start, end = events
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, end["body"])
