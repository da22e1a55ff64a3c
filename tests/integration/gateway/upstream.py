"""A service behind the gateway, as small as can be: it tells what it received, or does what a test asks of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from atoll.discovery.port import Instance


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Behaviour = Callable[[Received], Awaitable[Answer | None]]


class Upstream:
    """Serves HTTP/1.1 with keep-alive. A behaviour that returns None breaks the connection without an answer."""

    def __init__(self, name: str, behaviour: Behaviour | None = None) -> None:
        self.name = name
        self.behaviour = behaviour or self.echo
        self.received: list[Received] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def instance(self, service: str) -> Instance:
        return Instance(id=f"{service}-{self.name}", service=service, host="127.0.0.1", port=self.port)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @contextmanager
    def behaving(self, behaviour: Behaviour) -> Iterator[None]:
        """Answer by `behaviour` within the block."""
        usual, self.behaviour = self.behaviour, behaviour
        try:
            yield
        finally:
            self.behaviour = usual

    async def echo(self, request: Received) -> Answer:
        seen: dict[str, Any] = {"by": self.name, "method": request.method, "target": request.target}
        seen |= {"headers": request.headers, "size": len(request.body)}
        return Answer(body=json.dumps(seen).encode(), headers={"x-powered-by": "tests", "server": "upstream"})

    async def __aenter__(self) -> Upstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        connections = list(self._connections)
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                if (answer := await self.behaviour(request)) is None:
                    break
                writer.write(_encode(answer))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()


async def never(request: Received) -> Answer | None:
    """A behaviour: do not answer."""
    await asyncio.Event().wait()
    return None


async def broken(request: Received) -> Answer | None:
    """A behaviour: break the connection once the request is there."""
    return None


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await (_chunks(reader) if "transfer-encoding" in headers else _counted(reader, headers))
    return Received(method, target, headers, body)


async def _counted(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    return await reader.readexactly(int(headers.get("content-length", "0")))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


def _encode(answer: Answer) -> bytes:
    headers = {"content-type": "application/json", "content-length": str(len(answer.body))} | answer.headers
    lines = [f"HTTP/1.1 {answer.status} .", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + answer.body
