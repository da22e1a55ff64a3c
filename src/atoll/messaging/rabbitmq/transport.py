"""Sockets for aiormq that send what was written in one turn of the event loop at once.

aiormq writes each frame by itself, and a system call costs more than all that it does to make the frame.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiormq.connection import TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

_LIMIT: Final = 1 << 18


class GatheringTransportFactory(TransportFactory):
    """Connects by TCP, or by TLS for `amqps`."""

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See `TransportFactory`. Raises AMQPConnectionError."""
        provider = kwargs.pop("ssl_context_provider")
        context = await provider.get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LIMIT, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.create_connection(lambda: protocol, url.host or "", url.port or 0, ssl=context)
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        return reader, GatheringWriter(transport, protocol, reader, loop)


class GatheringWriter(asyncio.StreamWriter):
    """A StreamWriter that holds back what is written until the loop's next turn, or until it is waited for."""

    def __init__(
        self,
        transport: asyncio.WriteTransport,
        protocol: asyncio.StreamReaderProtocol,
        reader: asyncio.StreamReader,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(transport, protocol, reader, loop)
        self._held: list[bytes] = []
        self._turns = loop

    def write(self, data: Any) -> None:
        """Send `data` soon, with what else is written until then."""
        if not self._held:
            self._turns.call_soon(self._send)
        self._held.append(data)

    async def drain(self) -> None:
        """Send what is held, and wait while the socket takes no more."""
        self._send()
        await super().drain()

    def close(self) -> None:
        """Send what is held, and close."""
        self._send()
        super().close()

    def write_eof(self) -> None:
        """Send what is held, and the end after it."""
        self._send()
        super().write_eof()

    def _send(self) -> None:
        held, self._held = self._held, []
        if held and not self.is_closing():
            super().write(b"".join(held))
