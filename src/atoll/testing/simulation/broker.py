"""A broker in memory that does what a real one may do: come late, come again, forget a settlement, go away.

It keeps what `atoll.messaging.port` promises and nothing beyond it. Publications that are under way at the same
time are stored in any order; what a lost member had in hand comes before what is newer; a message may come again
though it was settled. What it has stored it keeps, unless its store is lost or put back to an older copy, which it
tells as a real one does.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from atoll.contracts import Message
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.trace import Trace

HOLD_SECONDS: Final = 10.0
"""How long a delivery may go without being settled or extended, unless told otherwise."""
OLDER_COPY: Final = 20
"""A store that is put back lacks at most so many of its last messages."""


class Connection(Protocol):
    """One process's connection, as the broker sees it."""

    def disconnect(self, seconds: float) -> None:
        """Break the connection; it comes back after so long."""


class Taker(Protocol):
    """A member of a group, as the group sees it."""

    @property
    def has_room(self) -> bool:
        """Tell whether it may be sent one more message."""
        ...

    def send(self, place: int, attempt: int) -> None:
        """Put a message on its way to it."""


class SimulatedBroker:
    """What the broker keeps. Processes reach it through queues of their own.

    `batch` is how many messages may be published together, `store` names what they are kept in.
    """

    def __init__(
        self, loop: SimulationLoop, weather: Weather, trace: Trace, *, hold: float = HOLD_SECONDS, batch: int = 1
    ) -> None:
        self.loop = loop
        self.hold = hold
        self.batch = batch
        self.weather = weather
        self.trace = trace
        self._up = asyncio.Event()
        self._up.set()
        self.log: list[Message] = []
        self.groups: dict[str, Group] = {}
        self.queues: list[Connection] = []
        self.lives = 1
        self._stores = 1

    @property
    def store(self) -> str:
        """The name of what the messages are kept in."""
        return f"store-{self._stores}"

    def keep(self, message: Message) -> int:
        """Keep `message`, hand it to whoever waits for it, and return its place, counted from 1."""
        self.log.append(message)
        place = len(self.log)
        self.trace.add("broker", f"stores {message.type} {message.id} as {place}")
        for group in self.groups.values():
            group.dispatch()
        return place

    def group(self, name: str) -> Group:
        """Return the group of that name; a new one begins at the first message kept."""
        return self.groups.setdefault(name, Group(self, name))

    def crash(self, seconds: float) -> None:
        """Go away for so long; every connection breaks, what is stored stays, but for a store that is lost."""
        self.trace.add("broker", f"crashes for {seconds:.3f} s")
        self._up.clear()
        self.lives += 1
        for queue in list(self.queues):
            queue.disconnect(seconds)
        if self.weather.happens(self.weather.faults.store_lost):
            lacking = self.weather.chance.randint(1, OLDER_COPY)
            self.forget(0 if self.weather.happens(0.5) else max(0, len(self.log) - lacking))
        self.world(self._return(seconds))

    def forget(self, kept: int = 0) -> None:
        """Lose all but the first `kept` messages: the store is wiped or put back to an older copy.

        To be called while nobody is connected.
        """
        self.trace.add("broker", f"loses all but {kept} of {len(self.log)} messages")
        del self.log[kept:]
        for group in self.groups.values():
            group.forget(kept)
        if not kept:
            self._stores += 1

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
    """A durable group: where it stands in the log, what comes again, and who is there to take messages.

    The first of its members is the active one.
    """

    def __init__(self, broker: SimulatedBroker, name: str) -> None:
        self.broker = broker
        self.name = name
        self.types: frozenset[str] = frozenset()
        self.members: list[Taker] = []
        self._position = 0
        self._again: list[tuple[int, int]] = []
        self._resting: set[int] = set()
        self.in_hand = 0

    @property
    def backlog(self) -> int:
        """How many stored messages of its types it has not settled."""
        waiting = sum(message.type in self.types for message in self.broker.log[self._position :])
        return waiting + len(self._again) + len(self._resting) + self.in_hand

    def join(self, member: Taker) -> None:
        """Let `member` stand by, or be the active one when nobody else is there."""
        if member not in self.members:
            self.members.append(member)
            self.dispatch()

    def leave(self, member: Taker) -> None:
        """Let the next one be active; what `member` has in hand stays there."""
        if member in self.members:
            self.members.remove(member)

    def dispatch(self) -> None:
        """Hand out to the active member what can be handed out now."""
        while self.broker.up and self.members and self.members[0].has_room and (due := self._next()) is not None:
            self.members[0].send(*due)

    def pass_over(self, member: Taker) -> bool:
        """Make another member the active one, if there is one, because `member` gives no sign of life."""
        if len(self.members) < 2 or self.members[0] is not member:
            return False
        self.members.append(self.members.pop(0))
        return True

    def again(self, *deliveries: tuple[int, int]) -> None:
        """Deliver these messages, each a place and an attempt, once more, before anything newer."""
        for place, attempt in deliveries:
            heapq.heappush(self._again, (place, attempt + 1))
        self.dispatch()

    def again_after(self, place: int, attempt: int, seconds: float) -> None:
        """Deliver the message again in no less than so long."""
        self._resting.add(place)
        self.broker.world(self._rest(place, attempt, seconds))

    def forget(self, kept: int) -> None:
        """Stand where it stood when there were only `kept` messages."""
        self._position = min(self._position, kept)
        self._again = [each for each in self._again if each[0] < kept]
        heapq.heapify(self._again)
        self._resting = {each for each in self._resting if each < kept}

    async def _rest(self, place: int, attempt: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if place in self._resting:
            self._resting.remove(place)
            self.again((place, attempt))

    def _next(self) -> tuple[int, int] | None:
        if self._again:
            return heapq.heappop(self._again)
        while self._position < len(self.broker.log):
            self._position += 1
            if self.broker.log[self._position - 1].type in self.types:
                return self._position - 1, 1
        return None
