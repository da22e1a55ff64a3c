"""What the suite publishes, and handlers that keep what they get."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from atoll.contracts import Message
from atoll.core import new_id
from atoll.messaging import Delivery, MessageQueue

DEADLINE: Final = 20.0
HAPPENED: Final = "shop.test.Happened.v1"
ENDED: Final = "shop.test.Ended.v1"


def message(number: int = 0, *, kind: str = HAPPENED, key: str = "") -> Message:
    """Return a message unlike all others; `number` is its data."""
    return Message(id=new_id(), type=kind, source="test", time=1e9 + number, key=key, data=str(number).encode())


class Collector:
    """A handler that keeps what it gets and acks it, or does `then` with it."""

    def __init__(self, then: Callable[[Delivery], Awaitable[None]] | None = None) -> None:
        self.deliveries: list[Delivery] = []
        self._then = then
        self._changed = asyncio.Condition()

    async def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        async with self._changed:
            self._changed.notify_all()
        await (self._then or _ack)(delivery)

    @property
    def numbers(self) -> list[int]:
        """The data of what was delivered, in the order of arrival."""
        return [int(each.message.data) for each in self.deliveries]

    async def wait_for(self, count: int) -> list[int]:
        """Wait until `count` deliveries have come; return their numbers."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(self.deliveries) >= count)
        return self.numbers


async def publish(queue: MessageQueue, count: int) -> None:
    """Publish `count` messages numbered from 0, one after the other."""
    for number in range(count):
        await queue.publish(message(number))


async def leave(delivery: Delivery) -> None:
    """Do nothing: the delivery stays unsettled."""


async def settle_slowly(delivery: Delivery) -> None:
    """Settle after a moment in which the other member could get what comes next."""
    await pause(0.001)
    await delivery.ack()


async def settle_what_happened(delivery: Delivery) -> None:
    """Settle one type, and give another back, as a consumer that has no handler for it does."""
    await (delivery.ack() if delivery.message.type == HAPPENED else delivery.retry(0.05))


async def pause(seconds: float) -> None:
    """Let time pass for the broker, which measures it by a clock of its own."""
    await asyncio.sleep(seconds)


async def _ack(delivery: Delivery) -> None:
    await delivery.ack()
