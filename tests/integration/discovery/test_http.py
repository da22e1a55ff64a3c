"""One request a connection, against servers that answer in every way they can."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from atoll.discovery.http import BadReply, Reply, Request, fetch
from tests.integration.discovery.serving import talking


@asynccontextmanager
async def answering(answer: bytes, *, close: bool = True) -> AsyncGenerator[str, None]:
    """Answer every request with these bytes, then close the connection or leave it open."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not close:
            await reader.read()

    async with talking(talk) as port:
        yield f"http://127.0.0.1:{port}/"


async def get(
    answer: bytes, *, limit: int = 1000, cut: bool = False, close: bool = False, method: str = "GET"
) -> Reply:
    async with answering(answer, close=close) as url:
        return await fetch(Request(method=method, url=url), timeout=5, limit=limit, cut=cut)


async def test_a_reply_of_known_length_is_read_without_waiting_for_the_end() -> None:
    reply = await get(b"HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 2\r\n\r\nhi")
    assert (reply.status, reply.headers["x-one"], reply.body) == (200, "1", b"hi")


async def test_a_reply_in_chunks_is_put_together() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n he\r\n0\r\n\r\n"
    assert (await get(answer)).body == b"hi he"


async def test_a_reply_of_unknown_length_ends_with_the_connection() -> None:
    assert (await get(b"HTTP/1.1 200 OK\r\n\r\nhi", close=True)).body == b"hi"


async def test_a_reply_without_a_body_has_none() -> None:
    assert (await get(b"HTTP/1.1 204 No Content\r\n\r\n")).body == b""


async def test_the_reply_to_head_has_no_body_whatever_length_it_tells() -> None:
    assert (await get(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method="HEAD")).body == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    ],
    ids=range(8),
)
async def test_what_is_no_whole_reply_is_an_error(answer: bytes) -> None:
    with pytest.raises(BadReply):
        await get(answer, close=True)


async def test_a_reply_over_the_limit_is_an_error() -> None:
    with pytest.raises(BadReply, match="longer than 10 bytes"):
        await get(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901", limit=10)


async def test_a_reply_over_the_limit_may_be_cut_instead() -> None:
    reply = await get(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n12345678901", limit=10, cut=True)
    assert reply.body == b"1234567890"


async def test_a_server_that_says_nothing_times_out() -> None:
    async with answering(b"", close=False) as url:
        with pytest.raises(TimeoutError):
            await fetch(Request(url=url), timeout=0.05)


async def test_a_server_that_is_not_there_is_refused(free_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        await fetch(Request(url=f"http://127.0.0.1:{free_port}/"), timeout=5)


async def test_what_is_sent_arrives() -> None:
    received: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"body"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with talking(talk) as port:
        url = f"http://127.0.0.1:{port}/a?b"
        await fetch(Request(method="PUT", url=url, headers={"X": "y"}, body=b"body"), timeout=5)
    assert received[0].startswith(b"PUT /a?b HTTP/1.1\r\n")
