"""Bugs planted below the real code, to show that the simulation finds them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Literal

from atoll.contracts import Message
from atoll.core.clock import Clock
from atoll.core.hooks import Hooks
from atoll.core.settings import Settings
from atoll.messaging import Delivery, Handler, MessageQueue, Subscription
from atoll.service.ground import Ground
from atoll.storage import Database
from atoll.storage.inbox import Inbox
from atoll.storage.outbox import Outbox
from atoll.storage.outbox_lease import LeasedRow, OutboxLease
from atoll.storage.replies import Replies, StoredReply
from atoll.testing.simulation import Simulation
from atoll.testing.simulation.database import SimulatedDatabase
from atoll.testing.simulation.ground import SimulatedGround
from atoll.testing.simulation.process import Process

Bug = Literal[
    "ack before commit",
    "drop the inbox row",
    "publish before commit",
    "ignore the fence",
    "keep no reply",
    "confirm before publish",
]


class AckFirst:
    """A queue that tells the broker that a message is done with before it is handled."""

    def __init__(self, queue: MessageQueue) -> None:
        self._queue = queue

    async def publish(self, message: Message) -> None:
        await self._queue.publish(message)

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        async def early(delivery: Delivery) -> None:
            await delivery.ack()
            await handler(delivery)

        return await self._queue.subscribe(group, types, early, prefetch=prefetch)

    async def close(self) -> None:
        await self._queue.close()


class ForgetfulInbox(Inbox):
    """An inbox that writes no row."""

    def claim(self, consumer: str, message_id: str, key: str = "") -> None: ...

    async def knows(self, consumer: str, message_id: str) -> bool:
        return False

    async def first_time(self, consumer: str, message_id: str) -> bool:
        await self._db.fetch_value("SELECT count(*) FROM atoll_inbox")
        return True


class HastyOutbox(Outbox):
    """An outbox that publishes at once, and not with the commit."""

    queue: MessageQueue

    def add(self, message: Message, *, due_at: float | None = None) -> None:
        self._hasty = asyncio.ensure_future(self.queue.publish(message))


class UnfencedDatabase(Database):
    """A database that every epoch of a saga may write to."""

    async def execute(self, sql: str, *args: Any) -> int:
        return await super().execute(re.sub(r" AND epoch = \$\d+", "", sql), *args)


class ForgetfulReplies(Replies):
    """Replies that are not kept."""

    def save(self, key: str, reply: StoredReply) -> None: ...


class EagerLease(OutboxLease):
    """A lease that notes messages as published when it hands them out."""

    async def ready(self, limit: int) -> list[LeasedRow]:
        rows = await super().ready(limit)
        await self.confirm([row.seq for row in rows])
        return rows


class EagerOutbox(Outbox):
    """An outbox whose relay works under such a lease."""

    def lease(self, *, owner: str, clock: Clock | None = None) -> OutboxLease:
        return EagerLease(self._db, clock or self._clock, owner=owner)


class PlantedGround(SimulatedGround):
    """The ground of a process, with one bug."""

    def __init__(self, bug: Bug, *parts: Any) -> None:
        super().__init__(*parts)
        self._bug = bug
        self._hasty: list[HastyOutbox] = []

    async def database(self, settings: Settings, service: str, *, hooks: Hooks, clock: Clock) -> Database:
        database = await super().database(settings, service, hooks=hooks, clock=clock)
        if self._bug == "ignore the fence":
            return UnfencedDatabase(database.engine, hooks=hooks, clock=clock)
        if self._bug == "drop the inbox row":
            database.inbox = ForgetfulInbox(database, clock)
        if self._bug == "keep no reply":
            database.replies = ForgetfulReplies(database, clock)
        if self._bug == "confirm before publish":
            database.outbox = EagerOutbox(database, clock)
        if self._bug == "publish before commit":
            database.outbox = HastyOutbox(database, clock)
            self._hasty.append(database.outbox)
        return database

    async def queue(self, settings: Settings, *, hooks: Hooks) -> MessageQueue:
        queue = await super().queue(settings, hooks=hooks)
        for outbox in self._hasty:
            outbox.queue = queue
        return AckFirst(queue) if self._bug == "ack before commit" else queue


class PlantedSimulation(Simulation):
    """A simulation in which every process has the bug."""

    def __init__(self, seed: int, bug: Bug) -> None:
        super().__init__(seed)
        self._bug: Bug = bug

    def ground(self, process: Process, database: SimulatedDatabase) -> Ground:
        return PlantedGround(self._bug, process, database, self.broker, self.network)
