"""What the messaging tests stand on: a clock that waits to be told, a queue that fails on demand, a witness."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sequence
from typing import Any

from atoll.contracts import Message
from atoll.core import Hooks, new_id
from atoll.messaging import Handler, MemoryBroker, MemoryMessageQueue, MessageQueue, Subscription

DEADLINE = 10.0
PLACED = "shop.order.Placed.v1"


def message(number: int = 0, *, key: str = "", kind: str = PLACED, **fields: str) -> Message:
    return Message(id=new_id(), type=kind, source="order", time=1e9, key=key, data=str(number).encode(), **fields)


class VirtualClock:
    """Goes only when `advance` is called, and wakes the sleepers whose time has come."""

    def __init__(self) -> None:
        self.at = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._numbers = itertools.count()
        self.asleep = asyncio.Condition()

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.at + seconds, next(self._numbers), woken))
        async with self.asleep:
            self.asleep.notify_all()
        await woken.wait()

    def advance(self, seconds: float) -> None:
        self.at += seconds
        while self._sleepers and self._sleepers[0][0] <= self.at:
            heapq.heappop(self._sleepers)[2].set()

    async def someone_sleeps_until(self, time: float) -> None:
        """Wait until somebody sleeps to about `time` on this clock."""
        async with asyncio.timeout(DEADLINE), self.asleep:
            await self.asleep.wait_for(lambda: any(abs(due - time) < 1e-6 for due, _, _ in self._sleepers))


class Witness:
    """Keeps every record of one type that the hooks emit."""

    def __init__(self, hooks: Hooks, kind: type[Any]) -> None:
        self.records: list[Any] = []
        self._more = asyncio.Event()
        hooks.on(kind, self._note)

    def _note(self, record: Any) -> None:
        self.records.append(record)
        self._more.set()

    async def wait_for(self, count: int) -> list[Any]:
        async with asyncio.timeout(DEADLINE):
            while len(self.records) < count:
                self._more.clear()
                await self._more.wait()
        return self.records


class FailingQueue:
    """A queue in memory whose next publications fail with `failures`, in that order."""

    def __init__(self, failures: Sequence[Exception | None] = ()) -> None:
        self.broker = MemoryBroker()
        self.failures = list(failures)
        self.attempted: list[Message] = []
        self._queue = MemoryMessageQueue(self.broker)

    async def publish(self, message: Message) -> None:
        self.attempted.append(message)
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        await self._queue.publish(message)

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        return await self._queue.subscribe(group, types, handler, prefetch=prefetch)

    async def close(self) -> None:
        await self._queue.close()


class Opening:
    """Connects to `queue` after having failed with `errors` in turn."""

    def __init__(self, queue: MessageQueue, *errors: Exception) -> None:
        self.queue = queue
        self.errors = list(errors)
        self.attempts = 0

    async def __call__(self) -> MessageQueue:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.queue


def numbers(messages: Sequence[Message]) -> list[int]:
    return [int(each.data) for each in messages]
