from __future__ import annotations

import asyncio
import socket

import pytest

from atoll.clients import CallTimedOut, ConnectionFailed, HTTPTransport, Limits
from atoll.clients.port import Reply
from atoll.discovery.port import Instance
from tests.integration.clients.servers import OK, PATIENCE, SAFE, Meeting, Peer, Server, answering, polite, silent


async def ask(server: Server, transport: HTTPTransport, timeout: float = PATIENCE) -> Reply:
    return await transport.send(server.instance, SAFE, timeout=timeout)


async def test_requests_in_turn_share_one_connection() -> None:
    async with Server(polite) as server, HTTPTransport() as transport:
        for _ in range(10):
            await ask(server, transport)
    assert (server.connections, len(server.requests)) == (1, 10)


async def test_requests_at_once_have_a_connection_each() -> None:
    meeting = Meeting(5)

    async def together(peer: Peer) -> None:
        while await peer.request():
            await meeting.join()
            await peer.send(OK)

    async with Server(together) as server, HTTPTransport() as transport:
        await asyncio.gather(*(ask(server, transport) for _ in range(5)))
    assert server.connections == 5


async def test_connections_are_limited_and_everyone_is_served() -> None:
    async with Server(polite) as server, HTTPTransport(limits=Limits(max_connections=3)) as transport:
        replies = await asyncio.gather(*(ask(server, transport) for _ in range(50)))
    assert len(replies) == 50
    assert server.connections <= 3


@pytest.mark.parametrize("wire", [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", b"garbage"])
async def test_a_place_is_free_again_when_a_connection_is_lost(wire: bytes) -> None:
    async with Server(answering(wire)) as server, HTTPTransport(limits=Limits(max_connections=1)) as transport:
        calls = (ask(server, transport) for _ in range(5))
        await asyncio.gather(*calls, return_exceptions=True)
    assert server.connections == 5


async def test_the_connection_used_last_is_taken_first() -> None:
    meeting, taken = Meeting(2), list[Peer]()

    async def noted(peer: Peer) -> None:
        while await peer.request():
            taken.append(peer)
            await meeting.join()
            await peer.send(OK)

    async with Server(noted) as server, HTTPTransport() as transport:
        await asyncio.gather(ask(server, transport), ask(server, transport))
        for _ in range(5):
            await ask(server, transport)
    assert len(set(taken[2:])) == 1


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async def leaves(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.gone()

    async with Server(leaves) as server, HTTPTransport(limits=Limits(idle_timeout=0.05)) as transport:
        await ask(server, transport)
        await asyncio.wait_for(server.left.wait(), PATIENCE)


async def test_a_connection_the_server_has_closed_is_not_used() -> None:
    async with Server(answering(OK), polite) as server, HTTPTransport() as transport:
        await ask(server, transport)
        assert (await ask(server, transport)).body == b"ok"


async def test_a_cancelled_request_closes_its_connection() -> None:
    async with Server(silent) as server, HTTPTransport() as transport:
        call = asyncio.create_task(ask(server, transport))
        await server.asked.wait()
        call.cancel()
        await asyncio.wait_for(server.left.wait(), PATIENCE)
        assert call.cancelled() or call.cancelling()
        await asyncio.wait([call])


async def test_a_request_cancelled_in_the_queue_takes_no_place() -> None:
    release = asyncio.Event()

    async def held(peer: Peer) -> None:
        while await peer.request():
            await release.wait()
            await peer.send(OK)

    async with Server(held) as server, HTTPTransport(limits=Limits(max_connections=1)) as transport:
        first, queued, last = (asyncio.create_task(ask(server, transport)) for _ in range(3))
        await server.asked.wait()
        queued.cancel()
        release.set()
        replies = await asyncio.gather(first, last)
    assert [each.body for each in replies] == [b"ok", b"ok"]


async def test_a_request_can_time_out_in_the_queue() -> None:
    async with Server(silent) as server, HTTPTransport(limits=Limits(max_connections=1)) as transport:
        first = asyncio.create_task(ask(server, transport))
        await server.asked.wait()
        with pytest.raises(CallTimedOut):
            await ask(server, transport, timeout=0.05)
        first.cancel()
        await asyncio.wait([first])
    assert len(server.requests) == 1


async def test_a_refused_connection_fails_without_having_sent_anything() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        nobody = Instance(id="i", service="s", host="127.0.0.1", port=bound.getsockname()[1])
        async with HTTPTransport() as transport:
            with pytest.raises(ConnectionFailed, match="cannot connect to") as caught:
                await transport.send(nobody, SAFE, timeout=PATIENCE)
    assert not caught.value.sent


async def test_every_request_of_many_is_told_that_the_connection_is_refused() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = Instance(id="i", service="s", host="127.0.0.1", port=bound.getsockname()[1])
        async with HTTPTransport(limits=Limits(max_connections=2)) as transport:
            calls = (transport.send(nobody, SAFE, timeout=PATIENCE) for _ in range(20))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, ConnectionFailed) for each in outcomes)


async def test_an_unknown_host_is_a_failed_connection() -> None:
    nowhere = Instance(id="i", service="s", host="no-such-host.invalid", port=80)
    async with HTTPTransport() as transport:
        with pytest.raises(ConnectionFailed, match=r"no-such-host\.invalid:80"):
            await transport.send(nowhere, SAFE, timeout=PATIENCE)


async def test_closing_breaks_off_what_is_under_way() -> None:
    async with Server(silent) as server:
        transport = HTTPTransport()
        call = asyncio.create_task(ask(server, transport))
        await server.asked.wait()
        await transport.close()
        with pytest.raises(ConnectionFailed):
            await call


async def test_a_closed_transport_sends_nothing() -> None:
    async with Server(polite) as server:
        transport = HTTPTransport()
        await ask(server, transport)
        await transport.close()
        await transport.close()
        with pytest.raises(ConnectionFailed, match="closed"):
            await ask(server, transport)


async def test_pools_of_addresses_that_are_gone_are_forgotten() -> None:
    async with HTTPTransport() as transport:
        for _ in range(3):
            async with Server(answering(OK)) as server:
                await ask(server, transport)
                await asyncio.wait_for(_all_closed(transport), PATIENCE)
        assert len(transport._pools) == 1


async def _all_closed(transport: HTTPTransport) -> None:
    for pool in transport._pools.values():
        for connection in list(pool._open):
            await connection.closed
