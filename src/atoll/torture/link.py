"""A TCP proxy in front of one server, so that its connections can be cut, silenced and delayed."""

from __future__ import annotations

import asyncio
from typing import Final

HOST: Final = "127.0.0.1"
CHUNK: Final = 1 << 16


class Link:
    """Forwards from a free port of its own (`address`) to `host:port`; faults change how.

    A link that is cut resets what is open and refuses what comes. A silent one keeps connections open, and opens
    new ones, but passes nothing on; what was sent meanwhile arrives afterwards. `delay` (seconds) is what every
    piece of data is late.
    """

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self.delay = 0.0
        self._upstream = (host, port)
        self._cut = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.WriteTransport] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """`host:port`, once started."""
        if self._server is None:
            return ""
        port: int = self._server.sockets[0].getsockname()[1]
        return f"{HOST}:{port}"

    async def start(self) -> None:
        """Begin to take connections."""
        self._server = await asyncio.start_server(self._accepted, HOST, 0)

    async def close(self) -> None:
        """Reset everything and take no more. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._reset()

    def cut(self) -> None:
        """Reset what is open and refuse what comes, until `mend`."""
        self._cut = True
        self._reset()

    def silence(self) -> None:
        """Pass nothing on until `mend`."""
        self._flowing.clear()

    def mend(self) -> None:
        """Be whole again: neither cut nor silent nor late."""
        self._cut = False
        self.delay = 0.0
        self._flowing.set()

    def _reset(self) -> None:
        for transport in list(self._open):
            transport.abort()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._cut:
            writer.transport.abort()
            return
        await self._join(reader, writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer.transport]
        self._open.add(writer.transport)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
            ends.append(far_writer.transport)
            self._open.add(far_writer.transport)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer))
                group.create_task(self._pump(far_reader, writer))
        except* OSError:
            pass  # one side is gone, and so must be the other
        finally:
            for transport in ends:
                self._open.discard(transport)
                transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._flowing.wait()
            if writer.is_closing():
                return
            writer.write(data)
            await writer.drain()
        if not writer.is_closing():
            writer.write_eof()
