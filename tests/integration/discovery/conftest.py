"""Ports and services for the registry to find."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tests.integration.discovery.serving import talking


class Backend:
    """Answers every HTTP request with `status`; `asked` are the request lines."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode().partition("\r\n")[0])
        writer.write(f"HTTP/1.1 {self.status} So\r\nContent-Length: 5\r\n\r\nready".encode())


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    backend = Backend()
    async with talking(backend.answer) as backend.port:
        yield backend


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
