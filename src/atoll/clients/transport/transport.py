"""Sending one request: a connection from the pool, one timer, and never twice unless that is harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from ssl import SSLContext
from types import TracebackType

from atoll.clients.errors import ConnectionFailed
from atoll.clients.port import Reply, Request
from atoll.clients.transport.connection import Connection
from atoll.clients.transport.encoding import encode_request
from atoll.clients.transport.limits import Limits
from atoll.clients.transport.pool import Pool
from atoll.clients.transport.timer import Timer
from atoll.discovery.port import Instance


class HTTPTransport:
    """A pool of keep-alive connections per address. With `ssl` every connection is TLS.

    Belongs to the event loop it is first used in. A request that meets a kept-alive connection which the server
    closes without sending a byte is sent once more on a new connection, but only if it is replayable; otherwise
    ConnectionFailed says that it was sent. Nothing else is ever repeated here.
    """

    def __init__(self, *, ssl: SSLContext | None = None, limits: Limits | None = None) -> None:
        self._ssl = ssl
        self._limits = limits or Limits()
        self._pools: dict[str, Pool] = {}

    async def send(self, instance: Instance, request: Request, *, timeout: float) -> Reply:
        """Send `request`; see `Transport.send`. Raises ValueError when the request cannot be written."""
        address = _address(instance)
        data = encode_request(request, address)
        pool = self._pools.get(address) or self._new_pool(address, instance)
        timer = Timer(timeout, address)
        try:
            connection = pool.take() or await pool.wait(timer)
            try:
                return await _exchange(pool, connection, request.method, data, timer)
            except ConnectionFailed as error:
                if error.answered or not connection.kept:
                    raise
                if not request.replayable:
                    raise _not_repeated(address) from error
            connection = await pool.wait(timer, new=True)
            return await _exchange(pool, connection, request.method, data, timer)
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Break off what is under way and close every connection. Idempotent."""
        for pool in self._pools.values():
            await pool.close()

    async def __aenter__(self) -> HTTPTransport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _new_pool(self, address: str, instance: Instance) -> Pool:
        for gone in [each for each, pool in self._pools.items() if pool.empty]:
            del self._pools[gone]
        pool = self._pools[address] = Pool(partial(self._dial, instance), self._limits)
        return pool

    async def _dial(self, instance: Instance, lost: Callable[[Connection], None]) -> Connection:
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                _, connection = await asyncio.get_running_loop().create_connection(
                    partial(Connection, self._limits, lost), instance.host, instance.port, ssl=self._ssl
                )
        except (OSError, ValueError) as error:
            reason = str(error) or f"no connection within {self._limits.connect_timeout:.3g} s"
            raise ConnectionFailed(f"cannot connect to {_address(instance)}: {reason}", sent=False) from error
        return connection


async def _exchange(pool: Pool, connection: Connection, method: str, data: bytes, timer: Timer) -> Reply:
    try:
        timer.check()
        reply = await timer.watch(connection.exchange(method, data))
    except BaseException:
        connection.abort()
        raise
    pool.give_back(connection)
    return reply


def _not_repeated(address: str) -> ConnectionFailed:
    return ConnectionFailed(
        f"{address} closed a kept-alive connection without an answer; the request may have been carried out, so it is"
        " not sent again (an idempotency key would allow that)",
        sent=True,
    )


def _address(instance: Instance) -> str:
    """`host:port` as it stands in a URL, an IPv6 host in brackets."""
    return f"[{instance.host}]:{instance.port}" if ":" in instance.host else instance.address
