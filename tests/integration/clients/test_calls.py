"""A contract's client, its channel and the real transport together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from atoll.clients import CallTimedOut, Clients, HTTPTransport, UnexpectedReply, client, close_client
from atoll.clients.port import Reply
from atoll.core import Hooks, SystemClock
from atoll.core.context import new_context, use
from atoll.discovery.port import Instance
from atoll.storage import Database, RemoteCallInTransaction
from tests.integration.clients.servers import Peer, Script, Server, polite, silent
from tests.unit.clients.sample import Inventory, OutOfStock, Reservation, Reserve, problem, reply

RESERVED = reply(200, b'{"id":"r-1"}')


def wire(answer: Reply) -> bytes:
    fields = {**answer.headers, "content-length": str(len(answer.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {answer.status} Reason\r\n{head}\r\n".encode() + answer.body


def replying(answer: Reply, times: int = 1000) -> Script:
    """Give `answer` that many times, then take one request more and close."""

    async def script(peer: Peer) -> None:
        for _ in range(times):
            if not await peer.request():
                return
            await peer.send(wire(answer))
        await peer.request()

    return script


class Found:
    """A resolver whose answer a test can change."""

    def __init__(self, *instances: Instance) -> None:
        self.found: Sequence[Instance] = instances

    async def instances(self, service: str) -> Sequence[Instance]:
        return self.found


@pytest.fixture
async def transport() -> AsyncIterator[HTTPTransport]:
    async with HTTPTransport() as transport:
        yield transport


def key(head: bytes) -> bytes:
    return next(line for line in head.split(b"\r\n") if line.startswith(b"idempotency-key: "))


async def test_a_client_at_an_address_needs_nothing_else() -> None:
    async with Server(replying(RESERVED)) as server:
        inventory: Inventory = client(Inventory, url=f"http://{server.instance.address}")
        assert await inventory.reserve(Reserve("a", 1)) == Reservation(id="r-1")
        await close_client(inventory)


async def test_arguments_arrive_percent_encoded(transport: HTTPTransport) -> None:
    async with Server(replying(reply(200, b"3"))) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        await inventory.stock("a/b?c d&é", at="10:00+01:00")
    assert server.targets == ["/stock/a%2Fb%3Fc%20d%26%C3%A9?at=10%3A00%2B01%3A00"]


async def test_a_problem_is_raised_again_in_the_caller(transport: HTTPTransport) -> None:
    answer = problem(**OutOfStock(sku="a", available=2).document())
    async with Server(replying(answer)) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        with pytest.raises(OutOfStock) as caught:
            await inventory.reserve(Reserve("a", 3))
    assert caught.value.available == 2


async def test_the_request_carries_the_context(transport: HTTPTransport) -> None:
    async with Server(replying(RESERVED)) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        with use(new_context(timeout=5.0)) as caller:
            await inventory.reserve(Reserve("a", 1))
    head = server.requests[0].decode()
    assert f"x-request-id: {caller.request_id}\r\n" in head
    assert f"traceparent: 00-{caller.trace.trace_id}-" in head
    assert "x-envoy-expected-rq-timeout-ms: 49" in head


async def test_a_command_that_meets_a_dying_connection_is_repeated_under_its_key(transport: HTTPTransport) -> None:
    async with Server(replying(RESERVED, times=1), replying(RESERVED)) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        await inventory.reserve(Reserve("a", 1))
        await inventory.reserve(Reserve("a", 1))
    first, second, again = (key(each) for each in server.requests)
    assert first != second
    assert second == again


async def test_a_command_whose_reply_is_cut_off_is_repeated_under_its_key(transport: HTTPTransport) -> None:
    async def cut_off(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire(RESERVED)[:-3])

    async with Server(cut_off, replying(RESERVED)) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        assert (await inventory.reserve(Reserve("a", 1))).id == "r-1"
    assert key(server.requests[0]) == key(server.requests[1])


async def test_a_call_goes_on_to_an_instance_that_lives(transport: HTTPTransport) -> None:
    async with Server(polite) as dead:
        gone = msgspec.structs.replace(dead.instance, id="gone")
    async with Server(replying(RESERVED)) as server:
        inventory = Clients(Found(gone, server.instance), transport).of(Inventory)
        for _ in range(10):
            await inventory.reserve(Reserve("a", 1))
    assert len(server.requests) == 10


async def test_a_call_ends_at_its_deadline(transport: HTTPTransport) -> None:
    async with Server(silent) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        with use(new_context(timeout=0.1)), pytest.raises(CallTimedOut, match=r"^inventory\.stock: no answer"):
            await inventory.stock("a")


async def test_a_reply_that_the_contract_does_not_declare_says_so(transport: HTTPTransport) -> None:
    async with Server(replying(problem(403, title="Forbidden", detail="Only the warehouse may."))) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        with pytest.raises(UnexpectedReply, match=r"inventory\.reserve: answered 403: Only the warehouse may\."):
            await inventory.reserve(Reserve("a", 1))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/own.db", hooks=Hooks(), clock=SystemClock())
    yield database
    await database.close()


async def test_a_call_within_an_open_transaction_is_refused(database: Database, transport: HTTPTransport) -> None:
    async with Server(replying(RESERVED)) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        async with database.transaction():
            await database.execute("CREATE TABLE held (id TEXT)")
            with pytest.raises(RemoteCallInTransaction, match=r"inventory\.reserve .* make this work a saga"):
                await inventory.reserve(Reserve("a", 1))
    assert server.requests == []


async def test_a_call_before_the_first_statement_is_allowed(database: Database, transport: HTTPTransport) -> None:
    async with Server(replying(RESERVED)) as server:
        inventory = Clients(Found(server.instance), transport).of(Inventory)
        async with database.transaction():
            await inventory.reserve(Reserve("a", 1))
    assert len(server.requests) == 1
