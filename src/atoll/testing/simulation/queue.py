"""One process's connection to the simulated broker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from atoll.contracts import Message
from atoll.messaging import BrokerUnavailable
from atoll.messaging.port import Handler, Subscription
from atoll.storage.broker_position import BrokerPosition
from atoll.testing.simulation.broker import SimulatedBroker
from atoll.testing.simulation.members import Member
from atoll.testing.simulation.process import Process

UNANSWERED_SECONDS: Final = 3.0
"""After so long without an answer a client gives up."""


class SimulatedQueue:
    """See `MessageQueue`, `BatchingQueue` and `RecallingQueue` of `atoll.messaging.port`."""

    def __init__(self, broker: SimulatedBroker, process: Process) -> None:
        self.process = process
        self.connection = 1
        self._broker = broker
        self._members: list[Member] = []
        self._connected = True
        self._confirmed = 0, 0
        broker.queues.append(self)
        process.on_kill.append(self._gone)

    async def publish(self, message: Message) -> None:
        """See `MessageQueue.publish`."""
        await self.publish_together([message])

    @property
    def batch(self) -> int:
        """See `BatchingQueue.batch`."""
        return self._broker.batch

    async def publish_together(self, messages: Sequence[Message]) -> None:
        """See `BatchingQueue.publish_together`."""
        broker, weather = self._broker, self._broker.weather
        await self.reach()
        if weather.happens(weather.faults.publish_lost):
            if weather.happens(0.3):
                broker.world(self._store_late(messages[: weather.chance.randint(1, len(messages))]))
            await self.unanswered("the publication was lost")
        connection = self.connection
        place = max([broker.keep(each) for each in messages])
        await weather.hop()
        if weather.happens(weather.faults.confirm_lost):
            await self.unanswered("the confirmation was lost")
        self._check(connection)
        self._note(connection, place)

    async def position(self) -> BrokerPosition | None:
        """See `RecallingQueue.position`."""
        connection, place = self._confirmed
        if connection != self.connection:
            return None
        return BrokerPosition(store=self._broker.store, place=place, witness=self._broker.log[place - 1].id)

    async def remembers(self, position: BrokerPosition) -> bool:
        """See `RecallingQueue.remembers`."""
        await self.reach()
        log = self._broker.log
        there = self._broker.store == position.store and position.place <= len(log)
        return there and log[position.place - 1].id == position.witness

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        """See `MessageQueue.subscribe`."""
        await self.reach()
        member = Member(self._broker.group(group), self, handler, prefetch)
        member.group.types = frozenset(types)
        self._members.append(member)
        member.join()
        return member

    async def close(self) -> None:
        """See `MessageQueue.close`."""
        for member in self._members:
            await member.stop()
        if self in self._broker.queues:
            self._broker.queues.remove(self)

    async def reach(self) -> None:
        """Travel to the broker. Raises BrokerUnavailable when there is no connection, or it breaks on the way."""
        connection = self.connection
        await self._broker.weather.hop()
        self._check(connection)

    async def unanswered(self, why: str) -> None:
        """Wait for an answer that does not come."""
        self._broker.trace.add(self.process.name, why)
        await asyncio.sleep(UNANSWERED_SECONDS)
        raise BrokerUnavailable(f"the broker gave no answer: {why}")

    def disconnect(self, seconds: float) -> None:
        """Break the connection; it comes back after so long."""
        self._broker.trace.add(self.process.name, f"loses the broker for {seconds:.3f} s")
        self._connected = False
        self.connection += 1
        for member in self._members:
            member.lose()
        self._broker.world(self._reconnect(seconds, self.connection))

    def _check(self, connection: int) -> None:
        if connection != self.connection:
            raise BrokerUnavailable("the connection broke before there was an answer")
        if not (self._connected and self._broker.up and self.process.alive):
            raise BrokerUnavailable("the broker cannot be reached")

    def _note(self, connection: int, place: int) -> None:
        """Note how far the store had come, as far as confirmed over this connection."""
        before, furthest = self._confirmed
        self._confirmed = connection, max(place, furthest) if before == connection else place

    async def _reconnect(self, seconds: float, connection: int) -> None:
        await asyncio.sleep(seconds)
        await self._broker.until_up()
        if connection == self.connection and self.process.alive:
            self._connected = True
            for member in self._members:
                member.join()

    async def _store_late(self, messages: Sequence[Message]) -> None:
        """Store what was on its way, unless the broker that it was on its way to is no more."""
        lives = self._broker.lives
        await asyncio.sleep(self._broker.weather.chance.random() * 2 * UNANSWERED_SECONDS)
        if lives == self._broker.lives:
            for each in messages:
                self._broker.keep(each)

    def _gone(self) -> None:
        if self in self._broker.queues:
            self._broker.queues.remove(self)
        for member in self._members:
            member.lose()
