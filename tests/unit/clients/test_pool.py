from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from atoll.clients import ConnectionFailed, Limits
from atoll.clients.transport.connection import Connection
from atoll.clients.transport.pool import Pool
from atoll.clients.transport.timer import Timer
from tests.unit.clients.wires import Wire, wired

LIMITS = Limits(max_connections=2)


class Exchange:
    """Makes a pool's connections when it is told to."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.dialled: list[asyncio.Future[None]] = []
        self.wires: dict[Connection, Wire] = {}
        self.pool = Pool(self._dial, limits)

    async def _dial(self, lost: Callable[[Connection], None]) -> Connection:
        connection, wire = wired(lost)
        self.wires[connection] = wire
        permission = asyncio.Future[None]()
        self.dialled.append(permission)
        await permission
        return connection

    async def settle(self, error: Exception | None = None) -> None:
        """Let the oldest connection that is being made succeed, or fail with `error`."""
        await turn()
        permission = self.dialled.pop(0)
        if error is None:
            permission.set_result(None)
        else:
            permission.set_exception(error)
        await turn()

    async def connected(self) -> Connection:
        waiting = self.pool.ask()
        await self.settle()
        return waiting.result()

    async def lose(self, connection: Connection) -> None:
        connection.connection_lost(None)
        await turn()


async def turn() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_pool_begins_empty() -> None:
    exchange = Exchange()
    assert exchange.pool.empty
    assert exchange.pool.take() is None


async def test_a_connection_given_back_is_taken_again() -> None:
    exchange = Exchange()
    connection = await exchange.connected()
    exchange.pool.give_back(connection)
    assert exchange.pool.take() is connection
    assert exchange.pool.take() is None


async def test_a_connection_given_back_serves_who_has_waited_longest() -> None:
    exchange = Exchange(Limits(max_connections=1))
    connection = await exchange.connected()
    first, second = exchange.pool.ask(), exchange.pool.ask()
    exchange.pool.give_back(connection)
    assert first.result() is connection
    assert not second.done()


async def test_who_asks_for_a_new_connection_is_never_given_a_used_one() -> None:
    exchange = Exchange()
    used = await exchange.connected()
    waiting = exchange.pool.ask(new=True)
    exchange.pool.give_back(used)
    assert not waiting.done()
    await exchange.settle()
    assert waiting.result() is not used
    assert not waiting.result().kept


async def test_an_idle_connection_makes_room_for_a_new_one_at_the_limit() -> None:
    exchange = Exchange(Limits(max_connections=1))
    used = await exchange.connected()
    exchange.pool.give_back(used)
    waiting = exchange.pool.ask(new=True)
    assert exchange.wires[used].aborted
    await exchange.lose(used)
    await exchange.settle()
    assert waiting.done()


async def test_a_connection_that_is_lost_while_idle_is_forgotten() -> None:
    exchange = Exchange()
    idle = [await exchange.connected() for _ in range(2)]
    for connection in idle:
        exchange.pool.give_back(connection)
    await exchange.lose(idle[0])
    _ = exchange.pool.ask(new=True)
    assert not exchange.wires[idle[1]].aborted
    assert len(exchange.pool._idle) == 1


async def test_a_connection_idle_for_too_long_is_closed_instead_of_taken() -> None:
    exchange = Exchange()
    connection = await exchange.connected()
    exchange.pool.give_back(connection)
    connection.idle_since -= LIMITS.idle_timeout
    assert exchange.pool.take() is None
    assert exchange.wires[connection].aborted


async def test_a_connection_for_someone_who_gave_up_is_kept() -> None:
    exchange = Exchange()
    waiting = exchange.pool.ask()
    await exchange.settle()
    exchange.pool.forget(waiting)
    assert exchange.pool.take() is waiting.result()


async def test_a_connection_that_comes_with_the_cancellation_is_kept() -> None:
    exchange = Exchange(Limits(max_connections=1))
    connection = await exchange.connected()
    request = asyncio.create_task(exchange.pool.wait(Timer(10.0, "a:1")))
    await turn()
    exchange.pool.give_back(connection)
    request.cancel()
    await asyncio.wait([request])
    assert exchange.pool.take() is connection


async def test_a_connection_that_comes_after_everyone_gave_up_is_kept() -> None:
    exchange = Exchange()
    waiting = exchange.pool.ask()
    waiting.cancel()
    exchange.pool.forget(waiting)
    await exchange.settle()
    assert exchange.pool.take() is not None


async def test_a_failed_connection_fails_one_who_waits_and_frees_its_place() -> None:
    exchange = Exchange(Limits(max_connections=1))
    first, second = exchange.pool.ask(), exchange.pool.ask()
    await exchange.settle(ConnectionFailed("refused", sent=False))
    assert isinstance(first.exception(), ConnectionFailed)
    await exchange.settle()
    assert second.done()


async def test_no_more_connections_are_made_than_the_limit() -> None:
    exchange = Exchange()
    for _ in range(5):
        _ = exchange.pool.ask()
    await turn()
    assert len(exchange.dialled) == LIMITS.max_connections
    await exchange.pool.close()


async def test_closing_fails_everyone_who_waits() -> None:
    exchange = Exchange()
    waiting = [exchange.pool.ask(), exchange.pool.ask(new=True), exchange.pool.ask()]
    await turn()
    await exchange.pool.close()
    for each in waiting:
        with pytest.raises(ConnectionFailed, match="closed"):
            await each
