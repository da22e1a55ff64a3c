from __future__ import annotations

import asyncio
import gc

import pytest

from atoll.clients import CallTimedOut, ConnectionFailed, HTTPTransport, Limits, MalformedReply
from atoll.clients.port import Reply, Request
from atoll.clients.transport.timer import Timer
from tests.integration.clients.servers import OK, PATIENCE, SAFE, Peer, Server, answering, polite, silent

SMALL = Limits(max_header=1000, max_body=1000)


async def ask(server: Server, transport: HTTPTransport, method: str = "GET") -> Reply:
    return await transport.send(server.instance, Request(method=method, target="/", replayable=True), timeout=PATIENCE)


@pytest.mark.parametrize(
    ("wire", "status", "body"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + OK, 200, b"ok"),
    ],
)
async def test_every_form_of_reply_is_understood(wire: bytes, status: int, body: bytes) -> None:
    async with Server(answering(wire)) as server, HTTPTransport() as transport:
        reply = await ask(server, transport)
    assert (reply.status, reply.body) == (status, body)


async def test_a_reply_may_come_byte_by_byte() -> None:
    pieces = [OK[place : place + 1] for place in range(len(OK))]
    async with Server(answering(*pieces)) as server, HTTPTransport() as transport:
        assert (await ask(server, transport)).body == b"ok"


async def test_a_reply_to_head_has_no_body() -> None:
    wire = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"
    async with Server(answering(wire)) as server, HTTPTransport() as transport:
        assert (await ask(server, transport, "HEAD")).body == b""


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
    ],
)
async def test_a_connection_that_closes_within_a_reply_failed(wire: bytes) -> None:
    async with Server(answering(wire)) as server, HTTPTransport() as transport:
        with pytest.raises(ConnectionFailed, match="in the middle of its reply") as caught:
            await ask(server, transport)
    assert caught.value.sent
    assert len(server.requests) == 1


async def test_a_reset_within_a_reply_is_a_failed_connection() -> None:
    async def resets(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK[:-1])
        peer.reset()

    async with Server(resets) as server, HTTPTransport() as transport:
        with pytest.raises(ConnectionFailed) as caught:
            await ask(server, transport)
    assert caught.value.sent


@pytest.mark.parametrize("wire", [b"\0" * 100, b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n"])
async def test_garbage_is_a_malformed_reply_and_closes_the_connection(wire: bytes) -> None:
    async def noisy(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        await peer.gone()

    async with Server(noisy) as server, HTTPTransport() as transport:
        with pytest.raises(MalformedReply):
            await ask(server, transport)
        await asyncio.wait_for(server.left.wait(), PATIENCE)


@pytest.mark.parametrize("piece", [b"x: y\r\n" * 100, b"x" * 600, b"x: " + b"y" * 600])
async def test_an_endless_header_is_refused(piece: bytes) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await peer.send(piece)

    async with Server(endless) as server, HTTPTransport(limits=SMALL) as transport:
        with pytest.raises(MalformedReply, match="header of the reply is larger than 1000"):
            await ask(server, transport)


@pytest.mark.parametrize("framing", [b"content-length: 99999999\r\n", b"transfer-encoding: chunked\r\n", b""])
async def test_an_endless_body_is_refused(framing: bytes) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
        while True:
            await peer.send(b"3e8\r\n" + b"y" * 1000 + b"\r\n")

    async with Server(endless) as server, HTTPTransport(limits=SMALL) as transport:
        with pytest.raises(MalformedReply, match="body of the reply is larger than 1000"):
            await ask(server, transport)


async def test_more_body_than_promised_is_not_taken_for_the_next_reply() -> None:
    async def too_long(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await peer.gone()

    async with Server(too_long, polite) as server, HTTPTransport() as transport:
        bodies = [(await ask(server, transport)).body for _ in range(2)]
    assert bodies == [b"ok", b"ok"]
    assert server.connections == 2


async def test_a_reply_that_nobody_asked_for_closes_an_idle_connection() -> None:
    idle = asyncio.Event()

    async def talkative(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await idle.wait()
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await peer.gone()

    async with Server(talkative, polite) as server, HTTPTransport() as transport:
        await ask(server, transport)
        idle.set()
        await asyncio.wait_for(server.left.wait(), PATIENCE)
        assert (await ask(server, transport)).status == 200


async def test_a_reply_before_the_whole_request_was_sent_ends_the_connection() -> None:
    async def hasty(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await peer.gone()

    large = Request(method="PUT", target="/", body=b"x" * (64 << 20))
    async with Server(hasty, polite) as server, HTTPTransport() as transport:
        assert (await transport.send(server.instance, large, timeout=PATIENCE)).status == 413
        assert (await ask(server, transport)).body == b"ok"
    assert server.connections == 2


async def test_a_server_that_never_answers_is_a_timeout_and_closes_the_connection() -> None:
    async with Server(silent) as server, HTTPTransport() as transport:
        with pytest.raises(CallTimedOut, match=r"no answer from 127\.0\.0\.1:\d+ within 0\.05 s"):
            await transport.send(server.instance, SAFE, timeout=0.05)
        await asyncio.wait_for(server.left.wait(), PATIENCE)
    assert len(server.requests) == 1


async def test_a_server_that_drips_is_a_timeout_all_the_same() -> None:
    async def drips(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK[:-1])
        await peer.gone()

    async with Server(drips) as server, HTTPTransport() as transport:
        with pytest.raises(CallTimedOut):
            await transport.send(server.instance, SAFE, timeout=0.05)
        await asyncio.wait_for(server.left.wait(), PATIENCE)


@pytest.mark.parametrize("kept", [False, True])
async def test_no_time_at_all_is_a_timeout_before_anything_is_sent(kept: bool) -> None:
    async with Server(polite) as server, HTTPTransport() as transport:
        if kept:
            await ask(server, transport)
        with pytest.raises(CallTimedOut):
            await transport.send(server.instance, SAFE, timeout=-1.0)
    assert len(server.requests) == kept


async def test_a_finished_request_leaves_no_timer_behind() -> None:
    async with Server(polite) as server, HTTPTransport() as transport:
        await ask(server, transport)
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Timer)]
