"""One connection to RabbitMQ that comes back by itself, with the channels whose loss counts as its own.

aio-pika's robust connection is not used: consumers that were cancelled, or whose channel the server closed, stay
away there (aio-pika #231, #334, #379, #632), and its messages cost 1.3 to 1.7 times more than those of aiormq
below it. Here a lost connection fails everything at once, and a fresh one is made with a growing pause for as long
as it takes.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import random
from typing import Any, Final

from aiormq.abc import AbstractChannel, AbstractConnection

from atoll.messaging.errors import BrokerUnavailable, BrokerUnusable, MessagingError
from atoll.messaging.rabbitmq import client
from atoll.messaging.rabbitmq.address import Address, without_password
from atoll.messaging.rabbitmq.client import closing_of
from atoll.messaging.rabbitmq.failures import FAILURES, told
from atoll.resilience import RetryPolicy, full_jitter

CONNECT_TIMEOUT: Final = 5.0
CLOSE_TIMEOUT: Final = 2.0
OLDEST: Final = (3, 10)
REDIAL: Final = RetryPolicy(base=0.05, cap=2.0)

_logger = logging.getLogger(__name__)


class RabbitMQLink:
    """A connection to one of the servers at `address`. `prepare` is run on a fresh one before it counts as up."""

    def __init__(
        self, address: Address, *, name: str, prepare: Callable[[AbstractConnection], Awaitable[None]]
    ) -> None:
        self.place = address.place
        self._servers = itertools.cycle(address.servers)
        self._count = len(address.servers)
        self._name = name
        self._prepare = prepare
        self._connection: AbstractConnection | None = None
        self._preparing: set[AbstractConnection] = set()
        self._redial: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def connection(self) -> AbstractConnection:
        """The present connection. Raises BrokerUnavailable while there is none."""
        if self._connection is None:
            raise BrokerUnavailable(f"there is no connection to {self.place} at the moment")
        return self._connection

    @property
    def up(self) -> bool:
        """True while there is a connection."""
        return self._connection is not None

    async def open(self) -> None:
        """Connect to the first server that answers. Raises BrokerUnavailable when none does, or BrokerUnusable."""
        for remaining in reversed(range(self._count)):
            try:
                return await self._open(next(self._servers))
            except BrokerUnavailable as error:
                if not remaining:
                    raise BrokerUnavailable(f"cannot connect to RabbitMQ at {self.place}: {error}") from error
        return None

    async def channel(self, connection: AbstractConnection, *, confirms: bool = False) -> Channel:
        """Open a channel of `connection`; the connection is given up when the channel fails."""
        with told(self.place):
            amqp = await connection.channel(publisher_confirms=confirms)
        return Channel(amqp, lost=lambda: self.give_up(connection))

    def give_up(self, connection: AbstractConnection) -> None:
        """Leave `connection`, which does not work any more, and connect again; a later one is not touched."""
        self._preparing.discard(connection)
        if self._connection is not connection or self._closed:
            return
        self._connection = None
        _logger.warning("the connection to %s was lost; connecting again", self.place)
        self._redial = asyncio.get_running_loop().create_task(self._come_back(connection))

    async def close(self) -> None:
        """Disconnect for good. Idempotent."""
        self._closed = True
        if self._redial is not None:
            self._redial.cancel()
            await asyncio.wait([self._redial])
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await _close(connection)

    async def _open(self, server: str) -> None:
        quiet()
        with told(without_password(server).partition("?")[0]):
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connection = await client.connect(server, name=self._name)
            try:
                await self._set_up(connection)
            except BaseException:
                self._preparing.discard(connection)
                await _close(connection)
                raise

    async def _set_up(self, connection: AbstractConnection) -> None:
        check_server(connection.server_properties)
        self._preparing.add(connection)
        closing_of(connection).add_done_callback(lambda _: self.give_up(connection))
        await self._prepare(connection)
        if connection not in self._preparing:
            raise BrokerUnavailable("the connection was lost at once")
        self._preparing.discard(connection)
        self._connection = connection

    async def _come_back(self, lost: AbstractConnection) -> None:
        await _close(lost)
        for attempt in itertools.count(1):
            await asyncio.sleep(full_jitter(REDIAL, attempt, random))
            try:
                await self.open()
            except BrokerUnavailable as error:
                _logger.debug("%s", error)
            except MessagingError as error:
                _logger.error("connecting again does not work; trying on: %s", error)
            except Exception:
                _logger.exception("connecting again to %s failed; trying on", self.place)
            else:
                _logger.info("connected again to %s", self.place)
                return


class Channel:
    """A channel that calls `lost` when it closes unasked, be it by the server or with its connection."""

    def __init__(self, amqp: AbstractChannel, *, lost: Callable[[], None]) -> None:
        self.amqp = amqp
        self._lost = lost
        self._closing = closing_of(amqp)
        self._closing.add_done_callback(self._closed)
        amqp.on_consumer_cancel_callbacks.add(self._cancelled)

    async def close(self) -> None:
        """Close it on purpose; what was delivered over it and not settled is delivered again."""
        self._closing.remove_done_callback(self._closed)
        await _close(self.amqp)

    def _closed(self, _: asyncio.Future[None]) -> None:
        self._lost()

    async def _cancelled(self, _: object) -> None:
        _logger.warning("the server ended a consumer, because its queue was removed or moved")
        self._lost()


@asynccontextmanager
async def passing_channel(connection: AbstractConnection, *, confirms: bool = False) -> AsyncGenerator[AbstractChannel]:
    """Open a channel for the block alone; its loss is of no matter to anything else."""
    channel = await connection.channel(publisher_confirms=confirms)
    try:
        yield channel
    finally:
        await _close(channel)


def check_server(properties: Any) -> None:
    """Raise BrokerUnusable unless the server is RabbitMQ, and not too old to keep what it dead-letters."""
    product, version = str(properties.get("product", "")), str(properties.get("version", ""))
    if product != "RabbitMQ":
        raise BrokerUnusable(f"the broker is {product or 'unknown'}, but only RabbitMQ has quorum queues; use that")
    if release_of(version) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise BrokerUnusable(f"RabbitMQ {version} is too old: it loses messages that {oldest} keeps; upgrade it")


def release_of(version: str) -> tuple[int, ...]:
    """Return the numbers at the head of a version."""
    return tuple(int(each) for each in re.findall(r"\d+", version)[:2])


def quiet() -> None:
    """Keep aiormq from logging every failed attempt as an error; what matters of it is logged here."""
    theirs = logging.getLogger("aiormq")
    if theirs.level == logging.NOTSET:
        theirs.setLevel(logging.CRITICAL)


async def _close(resource: AbstractConnection | AbstractChannel) -> None:
    try:
        with told("the broker"):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await resource.close()
    except MessagingError as error:
        _logger.debug("closing: %r", error)
    except FAILURES as error:
        _logger.debug("closing: %r", error)
