"""The RabbitMQ that the tests run against, and what they do to it past the queue."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity

from atoll.messaging import Handler, Subscription
from atoll.messaging.rabbitmq import RabbitMQMessageQueue, RabbitMQServer
from atoll.messaging.rabbitmq.link import passing_channel
from atoll.messaging.rabbitmq.topology import Namespace

URL = os.environ.get("ATOLL_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")
"""A server that is running; without one the tests fail."""

PORT = 5672
RAW_SECONDS = 90.0
_made: defaultdict[str, set[str]] = defaultdict(set)


class TracedQueue(RabbitMQMessageQueue):
    """Notes the groups that it makes, so that they can be removed."""

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        note_group(self._names.name, group)
        return await super().subscribe(group, types, handler, prefetch=prefetch)


def note_group(namespace: str, group: str) -> None:
    """Have `wipe` remove a group that somebody else makes."""
    _made[namespace].add(group)


@asynccontextmanager
async def raw(url: str = URL) -> AsyncGenerator[AbstractChannel]:
    """A plain channel, for what our own never does. A server that never answers is an error, and not a wait."""
    connection = aiormq.Connection(url)
    async with asyncio.timeout(RAW_SECONDS):
        await connection.connect()
        try:
            yield await connection.channel()
        finally:
            await connection.close()


async def wipe(namespace: str, url: str = URL) -> None:
    """Remove everything of a namespace that a TracedQueue made."""
    names = Namespace(namespace)
    async with raw(url) as channel:
        for group in _made.pop(namespace, set()):
            await remove(channel.connection, names.group(group))
            await remove(channel.connection, names.dead_of(group))
            await channel.exchange_delete(names.group(group))
        await channel.queue_delete(names.events)
        await channel.exchange_delete(names.events)
        await channel.exchange_delete(names.dead)


async def remove(connection: AbstractConnection, queue: str) -> None:
    """Delete a queue once its leader is at work.

    RabbitMQ 3.10 that is asked for it while a leader starts loses the process that dead-letters, and with it every
    queue that dead-letters at least once.
    """
    with suppress(ChannelNotFoundEntity):
        async with passing_channel(connection) as channel:
            await channel.queue_purge(queue)
            await channel.queue_delete(queue)


async def close_channel(queue: RabbitMQMessageQueue) -> None:
    """Have the server close the channel that `queue` consumes by, for an error in the protocol."""
    [subscription] = queue._subscriptions
    assert subscription._channel is not None
    await subscription._channel.amqp.basic_ack(4711)


async def limit(server: RabbitMQServer, namespace: str, messages: int) -> None:
    """Let the queues of a namespace's groups hold about so many messages."""
    await server.control("set_policy", namespace, f"^{namespace}.group", f'{{"max-length": {messages}}}')


class Proxy:
    """Stands between the queue and the server, and can part them. `rewrite` changes what the server says."""

    def __init__(self, url: str = URL, *, rewrite: Callable[[bytes], bytes] = bytes) -> None:
        self._target = urlsplit(url)
        self._rewrite = rewrite
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self.accepted = 0

    @property
    def address(self) -> str:
        """Host and port of the proxy."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self) -> str:
        """The URL of the server, by way of the proxy."""
        user, at, _ = self._target.netloc.rpartition("@")
        return urlunsplit(self._target._replace(netloc=f"{user}{at}{self.address}"))

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.thaw()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection without a word of AMQP."""
        for writer in self._writers:
            writer.transport.abort()

    def part(self) -> None:
        """Break every connection, and every new one at once, until `join`."""
        self._refusing = True
        self.cut()

    def join(self) -> None:
        self._refusing = False

    def freeze(self) -> None:
        """Let nothing through any more, though connections stay open."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        self.accepted += 1
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, far_writer, bytes), self._pump(far_reader, writer, self._rewrite))
        finally:
            for each in both:
                each.transport.abort()
            self._writers -= both

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._refusing:
            raise ConnectionRefusedError
        return await asyncio.open_connection(self._target.hostname, self._target.port or PORT)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]
    ) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(change(data))
                await writer.drain()
            writer.close()
        except OSError:
            writer.transport.abort()
