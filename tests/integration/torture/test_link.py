"""A link passes everything on, until it is cut, silent or late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from atoll.torture.link import Link

PATIENCE = 5.0
SHORT = 0.1


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
    writer.close()


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    link = Link("broker", "127.0.0.1", server.sockets[0].getsockname()[1])
    await link.start()
    yield link
    await link.close()
    server.close()


@asynccontextmanager
async def connected(link: Link) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = link.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.transport.abort()


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """What comes back; nothing from a connection that is gone."""
    try:
        writer.write(data)
        return await reader.readexactly(len(data))
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""


async def test_it_passes_everything_on_in_both_directions(link: Link) -> None:
    data = bytes(range(256)) * 4096
    async with connected(link) as (reader, writer):
        assert await said(reader, writer, data) == data


async def test_the_end_of_one_side_is_the_end_of_the_other(link: Link) -> None:
    async with connected(link) as (reader, writer):
        writer.write(b"last words")
        writer.write_eof()
        assert await reader.read() == b"last words"


async def test_a_cut_ends_what_is_open_and_refuses_what_comes(link: Link) -> None:
    async with connected(link) as (reader, writer):
        assert await said(reader, writer, b"before") == b"before"
        link.cut()
        assert await said(reader, writer, b"after") == b""
    async with connected(link) as (reader, writer):
        assert await said(reader, writer, b"anew") == b""


async def test_a_mended_link_takes_connections_again(link: Link) -> None:
    link.cut()
    link.mend()
    async with connected(link) as (reader, writer):
        assert await said(reader, writer, b"anew") == b"anew"


async def test_what_was_sent_into_silence_arrives_after_it(link: Link) -> None:
    async with connected(link) as (reader, writer):
        link.silence()
        answer = asyncio.create_task(said(reader, writer, b"late"))
        await asyncio.wait((answer,), timeout=SHORT)
        assert not answer.done()
        link.mend()
        assert await answer == b"late"


async def test_a_late_link_is_late_in_both_directions(link: Link) -> None:
    async with connected(link) as (reader, writer):
        link.delay = SHORT
        began = asyncio.get_running_loop().time()
        assert await said(reader, writer, b"late") == b"late"
        assert asyncio.get_running_loop().time() - began >= 2 * SHORT


async def test_a_server_that_is_gone_ends_the_connection(link: Link) -> None:
    gone = Link("broker", "127.0.0.1", 1)
    await gone.start()
    async with connected(gone) as (reader, _):
        assert await reader.read() == b""
    await gone.close()


async def test_closing_it_ends_what_is_open(link: Link) -> None:
    async with connected(link) as (reader, writer):
        assert await said(reader, writer, b"before") == b"before"
        await link.close()
        assert await said(reader, writer, b"after") == b""
    assert link.address == ""
