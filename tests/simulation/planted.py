"""Bugs planted below the real code, to show that the simulation finds them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

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
from atoll.storage.port import Statement
from atoll.storage.replies import Replies, StoredReply
from atoll.testing.simulation import Simulation
from atoll.testing.simulation.database import SimulatedDatabase, SimulatedEngine, SimulatedSession
from atoll.testing.simulation.ground import SimulatedGround
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.queue import SimulatedQueue

Bug = Literal[
    "ack before commit",
    "drop the inbox row",
    "publish before commit",
    "ignore the fence",
    "keep no reply",
    "confirm before publish",
]

FENCE: Final = "CASE WHEN epoch = $3 THEN CAST($1 AS DOUBLE PRECISION) ELSE -1.0 END"
SHARPENED: Final[Mapping[Bug, Mapping[str, float]]] = {"ignore the fence": {"stopped": 0.004}}
"""What has to go wrong more often than the seed says for a bug to show."""
PATIENCE: Final = 60.0
"""Virtual seconds: with such bugs many a system never comes to rest."""
UNFENCED: Final = "CAST($1 AS DOUBLE PRECISION)"


class AckFirst(SimulatedQueue):
    """A queue that tells the broker that a message is done with before it is handled."""

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        async def early(delivery: Delivery) -> None:
            await delivery.ack()
            await handler(delivery)

        return await super().subscribe(group, types, early, prefetch=prefetch)


class ForgetfulInbox(Inbox):
    """An inbox whose rows are gone with the commit that wrote them."""

    def claim(self, consumer: str, message_id: str, key: str = "") -> None:
        super().claim(consumer, message_id, key)
        self._drop(consumer, message_id)

    async def first_time(self, consumer: str, message_id: str) -> bool:
        first = await super().first_time(consumer, message_id)
        self._drop(consumer, message_id)
        return first

    def _drop(self, consumer: str, message_id: str) -> None:
        sql = "DELETE FROM atoll_inbox WHERE consumer = $1 AND message_id = $2"
        self._db.unit_of_work().defer(sql, consumer, message_id)


class HastyOutbox(Outbox):
    """An outbox that publishes at once, and not with the commit."""

    def __init__(self, db: Database, clock: Clock, queue: SimulatedQueue) -> None:
        super().__init__(db, clock)
        self._queue = queue
        self._hasty = set[asyncio.Task[None]]()

    def add(self, message: Message, *, due_at: float | None = None) -> None:
        task = asyncio.create_task(self._queue.publish(message))
        self._hasty.add(task)


class UnfencedSession(SimulatedSession):
    """A transaction in which every epoch of a saga may write."""

    async def commit(self, last: Sequence[Statement]) -> None:
        await super().commit([each._replace(sql=each.sql.replace(FENCE, UNFENCED)) for each in last])


class UnfencedEngine(SimulatedEngine):
    """An engine of such transactions."""

    session = UnfencedSession


class ForgetfulReplies(Replies):
    """Replies that are gone with the commit that wrote them."""

    def save(self, key: str, reply: StoredReply) -> None:
        self._db.unit_of_work().defer("DELETE FROM atoll_replies WHERE key = $1", key)


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

    async def database(self, settings: Settings, service: str, *, hooks: Hooks, clock: Clock) -> Database:
        database = await super().database(settings, service, hooks=hooks, clock=clock)
        if self._bug == "ignore the fence":
            return Database(UnfencedEngine(self._database, self._process), hooks=hooks, clock=clock)
        if self._bug == "drop the inbox row":
            database.inbox = ForgetfulInbox(database, clock)
        if self._bug == "keep no reply":
            database.replies = ForgetfulReplies(database, clock)
        if self._bug == "confirm before publish":
            database.outbox = EagerOutbox(database, clock)
        if self._bug == "publish before commit":
            database.outbox = HastyOutbox(database, clock, SimulatedQueue(self._broker, self._process))
        return database

    async def queue(self, settings: Settings, *, hooks: Hooks) -> MessageQueue:
        if self._bug == "ack before commit":
            return AckFirst(self._broker, self._process)
        return await super().queue(settings, hooks=hooks)


class PlantedSimulation(Simulation):
    """A simulation in which every process has the bug."""

    def __init__(self, seed: int, bug: Bug) -> None:
        super().__init__(seed, patience=PATIENCE)
        self._bug: Bug = bug
        self.adjust(**SHARPENED.get(bug, {}))

    def ground(self, process: Process, database: SimulatedDatabase) -> Ground:
        return PlantedGround(self._bug, process, database, self.broker, self.network)
