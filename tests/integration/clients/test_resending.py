"""No request is silently sent twice unless it is safe or carries an idempotency key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from atoll.clients import ConnectionFailed, HTTPTransport, Limits
from atoll.clients.port import Request
from tests.integration.clients.servers import KEYED, OK, ONCE, PATIENCE, SAFE, Meeting, Peer, Server, once_then, polite


def close(peer: Peer) -> None:
    """Leave the script, which closes the connection."""


ENDS = pytest.mark.parametrize("end", [close, Peer.half_close, Peer.reset], ids=["close", "half-close", "reset"])


async def silent_close(peer: Peer) -> None:
    await peer.request()


@ENDS
@pytest.mark.parametrize("request_", [SAFE, KEYED], ids=["safe", "keyed"])
async def test_a_replayable_request_is_sent_again_when_a_kept_connection_ends_unanswered(
    end: Callable[[Peer], object], request_: Request
) -> None:
    async with Server(once_then(end), polite) as server, HTTPTransport() as transport:
        await transport.send(server.instance, SAFE, timeout=PATIENCE)
        reply = await transport.send(server.instance, request_, timeout=PATIENCE)
    assert reply.body == b"ok"
    assert server.targets == ["/safe", request_.target, request_.target]
    assert server.connections == 2


@ENDS
async def test_any_other_request_is_not_sent_again(end: Callable[[Peer], object]) -> None:
    async with Server(once_then(end), polite) as server, HTTPTransport() as transport:
        await transport.send(server.instance, SAFE, timeout=PATIENCE)
        with pytest.raises(ConnectionFailed, match="may have been carried out") as caught:
            await transport.send(server.instance, ONCE, timeout=PATIENCE)
        await transport.send(server.instance, SAFE, timeout=PATIENCE)
    assert caught.value.sent
    assert server.targets == ["/safe", "/once", "/safe"]


async def test_a_request_is_sent_again_byte_for_byte() -> None:
    async with Server(once_then(close), polite) as server, HTTPTransport() as transport:
        await transport.send(server.instance, SAFE, timeout=PATIENCE)
        await transport.send(server.instance, KEYED, timeout=PATIENCE)
    assert server.requests[1] == server.requests[2]
    assert b"idempotency-key: k\r\n" in server.requests[2]


async def test_a_request_on_a_new_connection_is_never_sent_again() -> None:
    async with Server(silent_close, polite) as server, HTTPTransport() as transport:
        with pytest.raises(ConnectionFailed, match="without an answer") as caught:
            await transport.send(server.instance, SAFE, timeout=PATIENCE)
    assert caught.value.sent
    assert not caught.value.answered
    assert server.targets == ["/safe"]


async def test_a_request_is_sent_again_only_once() -> None:
    async with Server(once_then(close), silent_close) as server, HTTPTransport() as transport:
        await transport.send(server.instance, SAFE, timeout=PATIENCE)
        with pytest.raises(ConnectionFailed):
            await transport.send(server.instance, SAFE, timeout=PATIENCE)
    assert len(server.requests) == 3


@pytest.mark.parametrize("began", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", OK[:-1]])
async def test_a_request_whose_answer_has_begun_is_never_sent_again(began: bytes) -> None:
    async def breaks_off(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(began)

    async with Server(breaks_off, polite) as server, HTTPTransport() as transport:
        await transport.send(server.instance, SAFE, timeout=PATIENCE)
        with pytest.raises(ConnectionFailed, match="in the middle") as caught:
            await transport.send(server.instance, SAFE, timeout=PATIENCE)
    assert caught.value.answered
    assert len(server.requests) == 2


async def test_the_second_sending_comes_before_requests_that_wait_for_any_connection() -> None:
    one = Limits(max_connections=1)
    async with (
        Server(once_then(close), once_then(close), polite) as server,
        HTTPTransport(limits=one) as transport,
    ):
        await transport.send(server.instance, SAFE, timeout=PATIENCE)
        calls = (transport.send(server.instance, SAFE, timeout=PATIENCE) for _ in range(2))
        replies = await asyncio.gather(*calls)
    assert [each.body for each in replies] == [b"ok", b"ok"]
    assert server.connections == 3


async def test_the_second_sending_never_uses_another_kept_connection() -> None:
    async def dies_on_its_second(peer: Peer) -> None:
        await peer.request()
        await both.join()
        await peer.send(OK)
        await peer.request()

    both = Meeting(2)
    async with Server(dies_on_its_second, dies_on_its_second, polite) as server, HTTPTransport() as transport:
        await asyncio.gather(*(transport.send(server.instance, SAFE, timeout=PATIENCE) for _ in range(2)))
        assert (await transport.send(server.instance, SAFE, timeout=PATIENCE)).body == b"ok"
    assert server.connections == 3
    assert len(server.requests) == 4
