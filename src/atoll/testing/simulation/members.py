"""Those who take messages from the simulated broker, and what they hold in their hands."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
from typing import Final, Protocol

from atoll.messaging.port import Handler
from atoll.testing.simulation.broker import Group
from atoll.testing.simulation.process import Process

FAILURE_PAUSE: Final = 1.0
IN_TURN: Final = 1e-6
"""Seconds between two messages on one connection, so that they stay in order."""

_logger = logging.getLogger(__name__)


class Wire(Protocol):
    """The connection that a member is on. `connection` counts how often it was made anew."""

    process: Process
    connection: int

    async def reach(self) -> None:
        """Travel to the broker. Raises BrokerUnavailable when there is no connection."""

    async def unanswered(self, why: str) -> None:
        """Wait for an answer that does not come. Raises BrokerUnavailable."""


class Member:
    """One subscription: messages travel to it one after the other and each becomes a task of its process."""

    def __init__(self, group: Group, wire: Wire, handler: Handler, prefetch: int) -> None:
        self.group = group
        self.wire = wire
        self.broker = group.broker
        self._handler = handler
        self._prefetch = prefetch
        self._context = contextvars.copy_context()
        self._numbers = itertools.count()
        self._held: dict[int, SimulatedDelivery] = {}
        self._arrives_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def has_room(self) -> bool:
        return len(self._held) < self._prefetch

    def send(self, place: int, attempt: int) -> None:
        """Put a message on its way; it arrives after those sent before."""
        weather = self.broker.weather
        delivery = SimulatedDelivery(self, next(self._numbers), place, attempt)
        self._held[delivery.number] = delivery
        self.group.in_hand += 1
        now = self.broker.loop.time()
        self._arrives_at = max(self._arrives_at + IN_TURN, now + weather.hop_seconds())
        self.broker.loop.call_at(self._arrives_at, self._arrive, delivery, context=self._context.copy())
        if weather.happens(weather.faults.repeated):
            self.broker.world(self._repeat(delivery))

    def let_go(self, delivery: SimulatedDelivery) -> bool:
        """Settle `delivery`; False when it was settled before or has run out."""
        if self._held.pop(delivery.number, None) is None:
            return False
        self.group.in_hand -= 1
        delivery.alarm.cancel()
        return True

    def holds(self, delivery: SimulatedDelivery) -> bool:
        """Tell whether `delivery` is in its hands."""
        return delivery.number in self._held

    def run_out(self, delivery: SimulatedDelivery) -> None:
        """Let `delivery` come again; when another member takes over, with all that is in hand here."""
        if self.let_go(delivery):
            also = self._empty_hands() if self.group.pass_over(self) else []
            self.group.again((delivery.place, delivery.attempt), *also)

    def lose(self) -> None:
        """The connection is gone: leave the group, and let what was in hand come again."""
        self.group.leave(self)
        self.group.again(*self._empty_hands())

    def join(self) -> None:
        """Be there to take messages, unless stopping."""
        if not self._stopping:
            self.group.join(self)

    async def stop(self) -> None:
        """See `Subscription.stop`."""
        self._stopping = True
        self.group.leave(self)
        while self._tasks:
            await asyncio.wait(self._tasks)
        self.lose()

    def _empty_hands(self) -> list[tuple[int, int]]:
        """Let go of all; return the place and the attempt of each."""
        in_hand = list(self._held.values())
        for delivery in in_hand:
            self.let_go(delivery)
        return [(each.place, each.attempt) for each in in_hand]

    async def _repeat(self, delivery: SimulatedDelivery) -> None:
        lives = self.broker.lives
        await asyncio.sleep(self.broker.weather.chance.random() * self.broker.hold)
        if self in self.group.members and lives == self.broker.lives:
            self.broker.trace.add("broker", f"repeats {delivery.message.id} to {self.group.name}")
            self.group.again((delivery.place, delivery.attempt))

    def _arrive(self, delivery: SimulatedDelivery) -> None:
        if self._stopping or delivery.connection != self.wire.connection:
            return  # what ran out on the way still arrives; what was on a connection that broke does not
        self.broker.trace.add(self.wire.process.name, f"gets {delivery.message.id} ({delivery.attempt})")
        task = asyncio.get_running_loop().create_task(self._run(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, delivery: SimulatedDelivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            _logger.exception("a message handler failed; the message will be delivered again")
            if self.let_go(delivery):
                self.group.again_after(delivery.place, delivery.attempt, FAILURE_PAUSE)


class SimulatedDelivery:
    """One message handed over; see `atoll.messaging.port.Delivery`."""

    def __init__(self, member: Member, number: int, place: int, attempt: int) -> None:
        self._member = member
        self.place = place
        self.number = number
        self.attempt = attempt
        self.connection = member.wire.connection
        self.message = member.broker.log[place]
        self.alarm = self._arm()

    async def ack(self) -> None:
        if await self._settle("acks"):
            self._member.group.dispatch()

    async def retry(self, after: float) -> None:
        if await self._settle("gives back"):
            self._member.group.again_after(self.place, self.attempt, after)

    async def extend(self) -> None:
        await self._member.wire.reach()
        if self._member.holds(self):
            self.alarm.cancel()
            self.alarm = self._arm()

    async def _settle(self, what: str) -> bool:
        member, weather = self._member, self._member.broker.weather
        await member.wire.reach()
        if weather.happens(weather.faults.ack_lost):
            await member.wire.unanswered("the settlement was lost")
        member.broker.trace.add(member.wire.process.name, f"{what} {self.message.id}")
        return member.let_go(self)

    def _arm(self) -> asyncio.TimerHandle:
        broker = self._member.broker
        return broker.loop.call_later(broker.hold, self._run_out, context=broker.loop.world.context.copy())

    def _run_out(self) -> None:
        self._member.run_out(self)
