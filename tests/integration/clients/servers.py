"""Small HTTP servers that do exactly what a test tells them to, however wrong that is."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from ssl import SSLContext
from types import TracebackType

from atoll.clients.port import Request
from atoll.discovery.port import Instance

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PATIENCE = 10.0

SAFE = Request(method="GET", target="/safe", replayable=True)
KEYED = Request(method="POST", target="/keyed", headers={"idempotency-key": "k"}, body=b"{}", replayable=True)
ONCE = Request(method="POST", target="/once", body=b"{}")


class Peer:
    """The server's end of one connection."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer

    async def head(self) -> bytes:
        """Read a request's header and note it; empty at the end of the connection."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self._server.requests.append(head)
        self._server.asked.set()
        return head

    async def request(self) -> bytes:
        """Read one whole request; empty at the end of the connection."""
        head = await self.head()
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length: "):
                await self._reader.readexactly(int(line.split()[1]))
        return head

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    def half_close(self) -> None:
        """Send FIN and go on reading."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Send RST."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has closed."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            pass
        self._server.left.set()


Script = Callable[[Peer], Awaitable[None]]


class Server:
    """Runs `scripts` in turn, one for each connection, the last one for all that follow; then closes it."""

    def __init__(self, *scripts: Script, ssl: SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._ssl = ssl
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[bytes] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    @property
    def targets(self) -> list[str]:
        return [each.split()[1].decode() for each in self.requests]

    @property
    def instance(self) -> Instance:
        port = self._server.sockets[0].getsockname()[1]
        return Instance(id="i", service="s", host="127.0.0.1", port=port)

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._ssl)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self.connections += 1
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        try:
            await script(Peer(self, reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def polite(peer: Peer) -> None:
    """Answer every request."""
    while await peer.request():
        await peer.send(OK)


async def silent(peer: Peer) -> None:
    """Take a request and never answer."""
    await peer.request()
    await peer.gone()


def answering(*pieces: bytes) -> Script:
    """Answer one request with `pieces`, then close."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)

    return script


class Meeting:
    """Holds the servers' answers back until as many connections are busy at once."""

    def __init__(self, size: int) -> None:
        self._missing = size
        self._complete = asyncio.Event()

    async def join(self) -> None:
        self._missing -= 1
        if self._missing <= 0:
            self._complete.set()
        await self._complete.wait()


def once_then(end: Callable[[Peer], object]) -> Script:
    """Answer one request, take another, and `end` the connection without a byte."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        end(peer)

    return script
