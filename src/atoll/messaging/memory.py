"""A broker within the process: for tests, and for `memory:` where nothing has to outlive the process."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import logging
from collections.abc import Sequence
from typing import Final
from weakref import WeakValueDictionary

from atoll.contracts import Message
from atoll.core.ids import new_id
from atoll.messaging.port import Delivery, Handler, Subscription
from atoll.storage.broker_position import BrokerPosition

HOLD: Final = 10.0
FAILURE_PAUSE: Final = 1.0

_logger = logging.getLogger(__name__)


class MemoryBroker:
    """What a broker keeps: every message in order, and the position of each group.

    `hold` is how long a delivery may go without being settled or extended, and `failure_pause` how long a
    message rests whose handler raised; both in seconds.
    """

    def __init__(self, *, hold: float = HOLD, failure_pause: float = FAILURE_PAUSE) -> None:
        self.hold = hold
        self.failure_pause = failure_pause
        self.log: list[Message] = []
        self.groups: dict[str, _Group] = {}
        self.store = new_id()
        self.lives = 1

    def append(self, message: Message) -> None:
        """Keep `message` and hand it to whoever waits for it."""
        self.log.append(message)
        for group in self.groups.values():
            group.dispatch()

    def forget(self, kept: int = 0) -> None:
        """Lose all but the first `kept` messages, as a broker whose store is wiped or put back to an older copy."""
        del self.log[kept:]
        for group in self.groups.values():
            group.forget(kept)
        self.store = self.store if kept else new_id()
        self.lives += 1

    def group(self, name: str) -> _Group:
        """Return the group of that name; a new one begins at the first message kept."""
        return self.groups.setdefault(name, _Group(self))


_shared: WeakValueDictionary[str, MemoryBroker] = WeakValueDictionary()


class MemoryMessageQueue:
    """A connection to a broker in memory; its own one unless `broker` is given."""

    def __init__(self, broker: MemoryBroker | None = None) -> None:
        self._broker = broker or MemoryBroker()
        self._subscriptions: list[_Member] = []
        self._published = 0, 0

    @classmethod
    def shared(cls, name: str) -> MemoryMessageQueue:
        """Connect to the broker of that name in this process, which lives while any connection to it does."""
        broker = _shared.get(name)
        if broker is None:
            broker = _shared[name] = MemoryBroker()
        return cls(broker)

    async def publish(self, message: Message) -> None:
        """See `MessageQueue.publish`. A repeated id is delivered again."""
        self._broker.append(message)
        self._published = self._broker.lives, len(self._broker.log)

    @property
    def connection(self) -> int:
        """See `RecallingQueue.connection`."""
        return self._broker.lives

    async def position(self) -> BrokerPosition | None:
        """See `RecallingQueue.position`."""
        lives, place = self._published
        if lives != self._broker.lives:
            return None
        return BrokerPosition(store=self._broker.store, place=place, witness=self._broker.log[place - 1].id)

    async def remembers(self, position: BrokerPosition) -> bool:
        """See `RecallingQueue.remembers`."""
        log = self._broker.log
        there = self._broker.store == position.store and position.place <= len(log)
        return there and log[position.place - 1].id == position.witness

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        """See `MessageQueue.subscribe`."""
        member = _Member(self._broker.group(group), frozenset(types), handler, prefetch)
        self._subscriptions.append(member)
        member.group.join(member)
        return member

    async def close(self) -> None:
        """See `MessageQueue.close`. The broker keeps its messages."""
        for member in self._subscriptions:
            await member.stop()


class _Group:
    """A durable group: where it stands in the log, what comes again, and who is there to take messages.

    The first of its members is the active one.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self._types: frozenset[str] = frozenset()
        self._position = 0
        self._again: list[tuple[float, int, int]] = []
        self._members: list[_Member] = []
        self._alarm: asyncio.TimerHandle | None = None

    def join(self, member: _Member) -> None:
        self._members.append(member)
        self._types = frozenset().union(*(each.types for each in self._members))
        self.dispatch()

    def leave(self, member: _Member) -> None:
        if member in self._members:
            self._members.remove(member)

    def forget(self, kept: int) -> None:
        self._position = min(self._position, kept)
        self._again = [each for each in self._again if each[1] < kept]
        heapq.heapify(self._again)

    def give_back(self, place: int, attempt: int, *, after: float) -> None:
        """Let the message at `place` come again, as the next attempt, in no less than `after` seconds."""
        heapq.heappush(self._again, (_now() + after, place, attempt + 1))

    def pass_over(self, member: _Member) -> None:
        """Let another member go on, if there is one, because `member` gives no sign of life."""
        if len(self._members) > 1 and self._members[0] is member:
            self._members.append(self._members.pop(0))
            member.give_back()

    def offer(self, member: _Member, kind: str) -> None:
        """Let another member go on that knows messages of type `kind`, if there is one and `member` does not."""
        heir = next((each for each in self._members if kind in each.types), None)
        if heir is not None and kind not in member.types and self._members[0] is member:
            self._members.remove(heir)
            self._members.insert(0, heir)
            member.give_back()

    def dispatch(self) -> None:
        """Hand out to the active member what can be handed out now."""
        while self._members and self._members[0].has_room and (due := self._next()) is not None:
            self._members[0].take(*due)
        self._set_alarm()

    def _next(self) -> tuple[int, int] | None:
        if self._again and self._again[0][0] <= _now():
            _, place, attempt = heapq.heappop(self._again)
            return place, attempt
        while self._position < len(self.broker.log):
            self._position += 1
            if self.broker.log[self._position - 1].type in self._types:
                return self._position - 1, 1
        return None

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._again and self._members:
            self._alarm = asyncio.get_running_loop().call_at(self._again[0][0], self.dispatch)


class _Member:
    """One subscription: runs the handler as a task for each message, in the context it was made in."""

    def __init__(self, group: _Group, types: frozenset[str], handler: Handler, prefetch: int) -> None:
        self.group = group
        self.types = types
        self._handler = handler
        self._prefetch = prefetch
        self._context = contextvars.copy_context()
        self._numbers = itertools.count()
        self._held: dict[int, _Delivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def has_room(self) -> bool:
        return len(self._held) < self._prefetch and not self._stopping

    def take(self, place: int, attempt: int) -> None:
        delivery = _Delivery(self, next(self._numbers), place, attempt)
        self._held[delivery.number] = delivery
        task = asyncio.get_running_loop().create_task(self._run(delivery), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def holds(self, delivery: _Delivery) -> bool:
        return delivery.number in self._held

    def settle(self, delivery: _Delivery) -> bool:
        """Let go of `delivery`; False when it was settled before or has run out."""
        if self._held.pop(delivery.number, None) is None:
            return False
        delivery.alarm.cancel()
        return True

    async def stop(self) -> None:
        self._stopping = True  # and stays the active one meanwhile: nobody is to overtake what it has in hand
        while self._tasks:
            await asyncio.wait(self._tasks)
        self.group.leave(self)
        self.give_back()
        self.group.dispatch()

    def give_back(self) -> None:
        """Let all that is in hand come again, in order."""
        for delivery in list(self._held.values()):
            if self.settle(delivery):
                self.group.give_back(delivery.place, delivery.attempt, after=0.0)

    async def _run(self, delivery: Delivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            _logger.exception("a message handler failed; the message will be delivered again")
            await delivery.retry(self.group.broker.failure_pause)


class _Delivery:
    def __init__(self, member: _Member, number: int, place: int, attempt: int) -> None:
        self._member = member
        self.place = place
        self.number = number
        self.attempt = attempt
        self.message = member.group.broker.log[place]
        self.alarm = self._arm()

    async def ack(self) -> None:
        if self._member.settle(self):
            self._member.group.dispatch()

    async def retry(self, after: float) -> None:
        if self._member.settle(self):
            self._member.group.give_back(self.place, self.attempt, after=after)
            self._member.group.offer(self._member, self.message.type)
            self._member.group.dispatch()

    async def extend(self) -> None:
        if self._member.holds(self):
            self.alarm.cancel()
            self.alarm = self._arm()

    def _arm(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._member.group.broker.hold, self._run_out)

    def _run_out(self) -> None:
        if self._member.settle(self):
            self._member.group.give_back(self.place, self.attempt, after=0.0)
            self._member.group.pass_over(self._member)
            self._member.group.dispatch()


def _now() -> float:
    return asyncio.get_running_loop().time()
