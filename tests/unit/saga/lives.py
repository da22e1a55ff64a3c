"""A service with sagas that can be ended and begun again on its database, under a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from atoll.contracts import Event, Problem, message_of
from atoll.core import context as contexts
from atoll.core.clock import SystemClock
from atoll.saga import SagaEngine, SagaRow, definition_of
from atoll.storage import Database

T = TypeVar("T")


class Declined(Problem, status=402):
    """The card was declined."""


class Paid(Event, key="order"):
    """An order was paid."""

    order: str
    amount: int


class Heavy(Event):
    """An event without a key."""


class MovedClock:
    """Time stands still until `advance`, but for pauses between tries, which take none."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Counted from this call, not from the first step of what it returns, which `advance` may come before."""
        return self._until(self.time + seconds, pause=seconds <= 5.0)

    async def _until(self, time: float, *, pause: bool) -> None:
        if pause:  # between two tries
            await asyncio.sleep(0)
        elif time > self.time:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((time, future))
            await future

    def advance(self, seconds: float) -> None:
        self.time += seconds
        due = [each for each in self._waiting if each[0] <= self.time]
        self._waiting = [each for each in self._waiting if each[0] > self.time]
        for _, future in due:
            if not future.done():
                future.set_result(None)


class InstantClock(SystemClock):
    """Pauses between tries take no time; the engine's look around does."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds > 5.0 else 0)


class World:
    """The services elsewhere: what they did, the errors they answer with first, and the gates before they answer."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.trouble: dict[str, list[BaseException]] = {}
        self.gates: dict[str, asyncio.Event] = {}

    async def act(self, what: str) -> str:
        if what in self.gates:
            await self.gates[what].wait()
        if self.trouble.get(what):
            raise self.trouble[what].pop(0)
        self.done.append(what)
        return what


class Base:
    """A service of the tests."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def act(self, what: str) -> str:
        return await self.world.act(what)


class Lives:
    """Lives of one service, one after the other or side by side, on the database at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.world = World()
        self.clock = MovedClock()
        self._lives: list[tuple[SagaEngine, Database]] = []

    @property
    def engine(self) -> SagaEngine:
        return self._lives[-1][0]

    @property
    def db(self) -> Database:
        return self._lives[-1][1]

    async def begin(self, service: Callable[[World], T], *, owner: str = "shop/0", opened: bool = True) -> T:
        db = await Database.open(self.url)
        engine = SagaEngine(db, owner=owner, clock=self.clock, lease_seconds=30.0)
        self._lives.append((engine, db))
        made = service(self.world)
        engine.bind(made)
        await engine.prepare()
        if opened:
            await engine.open()
        return made

    async def end(self) -> None:
        while self._lives:
            engine, db = self._lives.pop()
            await engine.close()
            await db.close()

    async def hear(self, event: Event) -> None:
        """Hand an event to the sagas, as the service's consumer does."""
        message = message_of(event, source="test", context=contexts.new_context(), time=self.clock.now())
        await self.db.atomic(lambda: self.engine.hear(message))

    async def row(self, saga_id: str = "s1") -> SagaRow:
        row = await self.engine.journal.get(saga_id)
        assert row is not None
        return row

    async def until(self, is_so: Callable[[SagaRow], bool], saga_id: str = "s1") -> SagaRow:
        """Return the saga as soon as it is so."""
        async with asyncio.timeout(20):
            while not is_so(row := await self.row(saga_id)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return row

    async def ended(self, saga_id: str = "s1") -> SagaRow:
        return await self.until(lambda row: row.ended_at is not None, saga_id)

    async def resting(self, saga_id: str = "s1") -> SagaRow:
        return await self.until(lambda row: row.wake_at is not None, saga_id)

    async def idle(self) -> None:
        """Return when no saga has a task here, which may be a moment after others can read its commit."""
        async with asyncio.timeout(20):
            while tasks := _tasks_of_sagas():
                await asyncio.wait(tasks)

    async def outcomes(self, saga_id: str = "s1") -> dict[str, str]:
        steps = await self.engine.journal.steps(saga_id)
        return {f"undo {step.name}" if step.kind == "undo" else step.name: step.outcome for step in steps}


def _tasks_of_sagas() -> list[asyncio.Task[Any]]:
    names = {task: task.get_name() for task in asyncio.all_tasks()}
    return [task for task, name in names.items() if name.startswith("saga-") and name != "saga-leases"]


def problem_of(row: SagaRow) -> str:
    """What a parked saga says it is parked for."""
    assert row.stuck is not None
    return str(msgspec.json.decode(row.stuck.error)["detail"])


async def start(lives: Lives, saga: Callable[[str], Coroutine[Any, Any, Any]], saga_id: str = "s1") -> None:
    """Start a saga that takes a text, and do not wait for it."""
    async with lives.db.transaction():
        await lives.engine.start(definition_of(saga), "o1", id=saga_id)
