"""A TCP proxy before the database that can break a connection at the worst moment."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

Cut = Literal["", "before", "after"]


class Proxy:
    """Passes bytes to the server at `url`. With `cut` set, the next commit is lost on its way there or back."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._answered = asyncio.Event()
        self._mute = False
        self.cut: Cut = ""
        self.url = ""

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._target._replace(netloc=f"{self._target.username}@127.0.0.1:{port}").geturl()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.break_all()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def break_all(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(self._target.hostname, self._target.port or 5432)
        self._writers |= {writer, forth}
        for each in (self._requests(reader, forth), self._pass(back, writer)):
            task = asyncio.create_task(each)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await _read(reader):
            if self.cut and b"COMMIT" in data:
                how, self.cut = self.cut, ""
                if how == "after":
                    self._mute = True
                    writer.write(data)
                    await self._answered.wait()
                self.break_all()
                return
            writer.write(data)
        writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await _read(reader):
            if self._mute:
                self._mute = False
                self._answered.set()
                return
            writer.write(data)
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except OSError:
        return b""
