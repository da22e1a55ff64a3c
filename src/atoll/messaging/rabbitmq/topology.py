"""What a namespace and its groups consist of on the broker, made when it is not there.

`shop.events` is the topic exchange that everything is published to, and the stream of that name keeps all of it. A
group `audit` has one quorum queue `shop.group.audit` for all its types: a queue for each type would keep no order
among the events of one key. Its active member is one at a time, because two would overtake each other within a
key; the others stand by. `shop.dead.audit` gets what the broker gives up delivering, through `shop.dead`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import AMQPChannelError, ChannelNotFoundEntity, ChannelPreconditionFailed

from atoll.messaging.errors import BrokerUnusable
from atoll.messaging.rabbitmq.failures import reason_of
from atoll.messaging.rabbitmq.link import passing_channel, release_of

Declare = Callable[[AbstractChannel], Awaitable[object]]
LOSSY_QUEUE: Final = "rabbitmq-lossy-queue"
"""The risk that ATOLL_UNSAFE may name: queues and exchanges are used as they are found."""
SETTLE_SECONDS: Final = 1.0
"""How long a new queue is not relied on. Up to and including RabbitMQ 4.3 its name reaches the disk half a second
after it was declared; a crash before that leaves a queue that has lost what it confirmed, and takes nothing more."""
UNLIMITED_SINCE: Final = (4, 0)
"""From this release on a queue that names no limit drops a message at its twentieth delivery."""
_EVERYTHING: Final = "#"


@dataclass(frozen=True, slots=True)
class Namespace:
    """The names of everything that belongs to one namespace."""

    name: str

    @property
    def events(self) -> str:
        """The exchange that takes every message, and the stream that keeps them."""
        return f"{self.name}.events"

    @property
    def dead(self) -> str:
        """The exchange for what the broker gives up delivering."""
        return f"{self.name}.dead"

    def group(self, group: str) -> str:
        """The queue of a group, and the exchange that leads to it and stands for the group being set up."""
        return f"{self.name}.group.{group}"

    def dead_of(self, group: str) -> str:
        """The queue for what the broker gave up delivering to a group."""
        return f"{self.name}.dead.{group}"


class Topology:
    """Declares on one connection. What it finds set up otherwise, it tells all at once."""

    def __init__(self, connection: AbstractConnection, *, place: str, unsafe: Set[str]) -> None:
        self._connection = connection
        self._place = place
        self._unsafe = unsafe
        self._problems: list[str] = []
        self._release = release_of(str(connection.server_properties.get("version", "")))

    async def namespace(self, names: Namespace) -> None:
        """Declare what is there once a namespace. Raises BrokerUnusable for what would lose messages."""
        await self._exchange(names.events, "topic")
        await self._exchange(names.dead, "direct")
        new = not await self._is_there(lambda channel: channel.queue_declare(names.events, passive=True))
        await self._queue(names.events, [{"x-queue-type": "stream"}])
        self._check()
        await self._bind(names.events, names.events, _EVERYTHING)
        if new:
            await self.settle()

    async def queues(self, names: Namespace, group: str) -> None:
        """Declare the queues of a group. Raises BrokerUnusable for what would lose messages."""
        wanted = {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-dead-letter-exchange": names.dead,
            "x-dead-letter-routing-key": group,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
        await self._queue(names.group(group), self._unlimited(wanted))
        await self._queue(names.dead_of(group), self._unlimited({"x-queue-type": "quorum"}))
        self._check()
        await self._bind(names.dead_of(group), names.dead, group)

    async def settle(self) -> None:
        """Wait until a queue that was just declared outlives a crash."""
        await asyncio.sleep(SETTLE_SECONDS)

    async def is_set_up(self, names: Namespace, group: str) -> bool:
        """True when a group has been set up to the end and its queue is still there."""
        name = names.group(group)
        return await self._is_there(lambda channel: channel.queue_declare(name, passive=True)) and (
            await self._is_there(lambda channel: channel.exchange_declare(name, passive=True))
        )

    async def route(self, names: Namespace, group: str, types: Sequence[str]) -> None:
        """Lead the messages of `types` to the queue of a group, beside those that it gets already."""
        name = names.group(group)
        async with passing_channel(self._connection) as channel:
            await channel.exchange_declare(name, exchange_type="fanout", durable=True, internal=True)
            await channel.queue_bind(name, name)
            for each in types:
                await channel.exchange_bind(name, names.events, each)

    def _unlimited(self, arguments: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return how a queue is made that never gives up delivering, the way of this release first.

        A queue made under a release before 4.0 cannot be told so; there the dead letter queue gets the message.
        """
        ways: list[Mapping[str, Any]] = [{**arguments, "x-delivery-limit": -1}, arguments]
        return ways if self._release >= UNLIMITED_SINCE else ways[1:]

    async def _queue(self, name: str, ways: Sequence[Mapping[str, Any]]) -> None:
        def declare(arguments: Mapping[str, Any]) -> Declare:
            return lambda channel: channel.queue_declare(name, durable=True, arguments=dict(arguments))

        await self._declare(f"the queue {name!r}", [declare(each) for each in ways])

    async def _exchange(self, name: str, kind: str) -> None:
        await self._declare(
            f"the exchange {name!r}",
            [lambda channel: channel.exchange_declare(name, exchange_type=kind, durable=True)],
        )

    async def _declare(self, what: str, ways: Sequence[Declare]) -> None:
        """Try the ways until one fits what is there; note a problem when none does, unless that is accepted."""
        error: AMQPChannelError | None = None
        for way in ways:
            try:
                async with passing_channel(self._connection) as channel:
                    await way(channel)
                return
            except ChannelPreconditionFailed as failed:
                error = error or failed
        if error is not None and LOSSY_QUEUE not in self._unsafe:
            self._problems.append(f"{what} is set up so that it can lose messages ({reason_of(error)})")

    async def _is_there(self, passive: Declare) -> bool:
        try:
            async with passing_channel(self._connection) as channel:
                await passive(channel)
        except ChannelNotFoundEntity:
            return False
        return True

    async def _bind(self, queue: str, exchange: str, routing_key: str) -> None:
        async with passing_channel(self._connection) as channel:
            await channel.queue_bind(queue, exchange, routing_key)

    def _check(self) -> None:
        """Raise BrokerUnusable with every problem found."""
        if self._problems:
            problems = " and ".join(self._problems)
            raise BrokerUnusable(
                f"at {self._place} {problems}; remove what is named, so that it is made again, "
                f"or accept that messages may be lost with ATOLL_UNSAFE={LOSSY_QUEUE}"
            )
