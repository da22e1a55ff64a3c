"""A connection without a socket: what is written is kept, what is read is fed by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from atoll.clients.transport.connection import Connection
from atoll.clients.transport.limits import Limits


class Wire(asyncio.Transport):
    """Stands in for a socket. `unsent` is how many bytes have not gone out yet."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False
        self.unsent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return self.unsent


def wired(
    lost: Callable[[Connection], None] = lambda connection: None, limits: Limits | None = None
) -> tuple[Connection, Wire]:
    """Return a connection and its wire. Needs a running loop."""
    connection, wire = Connection(limits or Limits(), lost), Wire()
    connection.connection_made(wire)
    return connection, wire
