"""A broker in memory that does what a real one may do: come late, come again, forget a settlement, go away.

It keeps what `atoll.messaging.port` promises and nothing beyond it. Publications that are under way at the same
time are stored in any order; what a lost member had in hand comes before what is newer; a message may come again
though it was settled. What it has stored it keeps.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from atoll.contracts import Message
from atoll.messaging import BrokerUnavailable
from atoll.messaging.port import Handler, Subscription
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.trace import Trace

HOLD_SECONDS: Final = 10.0
"""How long a delivery may go without being settled or extended, unless told otherwise."""
FAILURE_PAUSE: Final = 1.0
IN_TURN: Final = 1e-6
"""Seconds between two messages on one connection, so that they stay in order."""
UNANSWERED_SECONDS: Final = 3.0
"""After so long without an answer a client gives up."""

_logger = logging.getLogger(__name__)


class SimulatedBroker:
    """What the broker keeps. Processes reach it through queues of their own."""

    def __init__(self, loop: SimulationLoop, weather: Weather, trace: Trace, *, hold: float = HOLD_SECONDS) -> None:
        self.loop = loop
        self.hold = hold
        self.weather = weather
        self.trace = trace
        self._up = asyncio.Event()
        self._up.set()
        self.log: list[Message] = []
        self.groups: dict[str, Group] = {}
        self.queues: list[SimulatedQueue] = []

    def store(self, message: Message) -> None:
        """Keep `message` and hand it to whoever waits for it."""
        self.log.append(message)
        self.trace.add("broker", f"stores {message.type} {message.id} as {len(self.log)}")
        for group in self.groups.values():
            group.dispatch()

    def group(self, name: str) -> Group:
        """Return the group of that name; a new one begins at the first message kept."""
        return self.groups.setdefault(name, Group(self, name))

    def crash(self, seconds: float) -> None:
        """Go away for so long; every connection breaks, what is stored stays."""
        self.trace.add("broker", f"crashes for {seconds:.3f} s")
        self._up.clear()
        for queue in list(self.queues):
            queue.disconnect(seconds)
        self.world(self._return(seconds))

    async def _return(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._up.set()

    @property
    def up(self) -> bool:
        """True while it can be reached."""
        return self._up.is_set()

    async def until_up(self) -> None:
        """Wait until it can be reached."""
        await self._up.wait()

    @property
    def backlog(self) -> int:
        """How many messages are not settled by the groups that want them."""
        return sum(group.backlog for group in self.groups.values())

    def world(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` on the broker's own time."""
        self.loop.start(self.loop.world, work)


class Group:
    """A durable group: where it stands in the log, what comes again, and who is there to take messages."""

    def __init__(self, broker: SimulatedBroker, name: str) -> None:
        self.broker = broker
        self.name = name
        self.types: frozenset[str] = frozenset()
        self.members: list[Member] = []
        self._position = 0
        self._again: list[tuple[int, int]] = []
        self._resting = 0
        self.in_hand = 0

    @property
    def backlog(self) -> int:
        """How many stored messages of its types it has not settled."""
        waiting = sum(message.type in self.types for message in self.broker.log[self._position :])
        return waiting + len(self._again) + self._resting + self.in_hand

    def dispatch(self) -> None:
        """Hand out what can be handed out now, in turn to the members that have room."""
        while self.broker.up and (member := next((each for each in self.members if each.has_room), None)):
            if (due := self._next()) is None:
                return
            self.members.remove(member)
            self.members.append(member)
            member.send(*due)

    def again(self, *deliveries: SimulatedDelivery) -> None:
        """Deliver these messages again, each as its next attempt, before anything newer."""
        for each in deliveries:
            heapq.heappush(self._again, (each.place, each.attempt + 1))
        self.dispatch()

    def again_after(self, delivery: SimulatedDelivery, seconds: float) -> None:
        """Deliver the message again in no less than so long."""
        self._resting += 1
        self.broker.world(self._rest(delivery, seconds))

    async def _rest(self, delivery: SimulatedDelivery, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._resting -= 1
        self.again(delivery)

    def _next(self) -> tuple[int, int] | None:
        if self._again:
            return heapq.heappop(self._again)
        while self._position < len(self.broker.log):
            self._position += 1
            if self.broker.log[self._position - 1].type in self.types:
                return self._position - 1, 1
        return None


class Member:
    """One subscription: messages travel to it one after the other and each becomes a task of its process."""

    def __init__(self, group: Group, queue: SimulatedQueue, handler: Handler, prefetch: int) -> None:
        self.group = group
        self.queue = queue
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
        return delivery.number in self._held

    def lose(self) -> None:
        """The connection is gone: leave the group, and let what was in hand come again."""
        if self in self.group.members:
            self.group.members.remove(self)
        in_hand = list(self._held.values())
        for delivery in in_hand:
            self.let_go(delivery)
        self.group.again(*in_hand)

    def join(self) -> None:
        """Be there to take messages, unless stopping."""
        if not self._stopping and self not in self.group.members:
            self.group.members.append(self)
            self.group.dispatch()

    async def stop(self) -> None:
        self._stopping = True
        if self in self.group.members:
            self.group.members.remove(self)
        while self._tasks:
            await asyncio.wait(self._tasks)
        self.lose()

    async def _repeat(self, delivery: SimulatedDelivery) -> None:
        await asyncio.sleep(self.broker.weather.chance.random() * self.broker.hold)
        if self in self.group.members:
            self.broker.trace.add("broker", f"repeats {delivery.message.id} to {self.queue.process.name}")
            self.group.again(delivery)

    def _arrive(self, delivery: SimulatedDelivery) -> None:
        if self._stopping or delivery.breaks != self.queue.breaks:
            return  # what ran out on the way still arrives; what was on a connection that broke does not
        self.broker.trace.add(self.queue.process.name, f"gets {delivery.message.id} ({delivery.attempt})")
        task = asyncio.get_running_loop().create_task(self._run(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, delivery: SimulatedDelivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            _logger.exception("a message handler failed; the message will be delivered again")
            if self.let_go(delivery):
                self.group.again_after(delivery, FAILURE_PAUSE)


class SimulatedDelivery:
    """One message handed over; see `atoll.messaging.port.Delivery`."""

    def __init__(self, member: Member, number: int, place: int, attempt: int) -> None:
        self._member = member
        self.place = place
        self.number = number
        self.attempt = attempt
        self.breaks = member.queue.breaks
        self.message = member.broker.log[place]
        self.alarm = self._arm()

    async def ack(self) -> None:
        if await self._settle("acks"):
            self._member.group.dispatch()

    async def retry(self, after: float) -> None:
        if await self._settle("gives back"):
            self._member.group.again_after(self, after)

    async def extend(self) -> None:
        await self._member.queue.reach()
        if self._member.holds(self):
            self.alarm.cancel()
            self.alarm = self._arm()

    async def _settle(self, what: str) -> bool:
        member, weather = self._member, self._member.broker.weather
        await member.queue.reach()
        if weather.happens(weather.faults.ack_lost):
            await member.queue.unanswered("the settlement was lost")
        member.broker.trace.add(member.queue.process.name, f"{what} {self.message.id}")
        return member.let_go(self)

    def _arm(self) -> asyncio.TimerHandle:
        broker = self._member.broker
        return broker.loop.call_later(broker.hold, self._run_out, context=broker.loop.world.context.copy())

    def _run_out(self) -> None:
        if self._member.let_go(self):
            self._member.group.again(self)


class SimulatedQueue:
    """One process's connection to the broker; see `atoll.messaging.port.MessageQueue`."""

    def __init__(self, broker: SimulatedBroker, process: Process) -> None:
        self.process = process
        self._broker = broker
        self._members: list[Member] = []
        self._connected = True
        self.breaks = 0
        broker.queues.append(self)
        process.on_kill.append(self._gone)

    async def publish(self, message: Message) -> None:
        """See `MessageQueue.publish`."""
        broker, weather = self._broker, self._broker.weather
        await self.reach()
        if weather.happens(weather.faults.publish_lost):
            if weather.happens(0.3):
                broker.world(self._store_late(message))
            await self.unanswered("the publication was lost")
        breaks = self.breaks
        broker.store(message)
        await weather.hop()
        if weather.happens(weather.faults.confirm_lost):
            await self.unanswered("the confirmation was lost")
        if breaks != self.breaks:
            raise BrokerUnavailable("the connection broke before the confirmation came")

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
        """Travel to the broker. Raises BrokerUnavailable when there is no connection."""
        await self._broker.weather.hop()
        if not (self._connected and self._broker.up and self.process.alive):
            raise BrokerUnavailable("the broker cannot be reached")

    async def unanswered(self, why: str) -> None:
        """Wait for an answer that does not come."""
        self._broker.trace.add(self.process.name, why)
        await asyncio.sleep(UNANSWERED_SECONDS)
        raise BrokerUnavailable(f"the broker gave no answer: {why}")

    def disconnect(self, seconds: float) -> None:
        """Break the connection; it comes back after so long."""
        self._broker.trace.add(self.process.name, f"loses the broker for {seconds:.3f} s")
        self._connected = False
        self.breaks += 1
        for member in self._members:
            member.lose()
        self._broker.world(self._reconnect(seconds, self.breaks))

    async def _reconnect(self, seconds: float, breaks: int) -> None:
        await asyncio.sleep(seconds)
        await self._broker.until_up()
        if breaks == self.breaks and self.process.alive:
            self._connected = True
            for member in self._members:
                member.join()

    async def _store_late(self, message: Message) -> None:
        await asyncio.sleep(self._broker.weather.chance.random() * 2 * UNANSWERED_SECONDS)
        self._broker.store(message)

    def _gone(self) -> None:
        if self in self._broker.queues:
            self._broker.queues.remove(self)
        for member in self._members:
            member.lose()
