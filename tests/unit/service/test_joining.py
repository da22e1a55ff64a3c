"""A service takes messages at once, or when its broker comes; one that cannot be used at all is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from atoll.contracts import Message
from atoll.core import Hooks
from atoll.messaging import (
    BrokerUnavailable,
    BrokerUnusable,
    Consumer,
    Handler,
    MemoryBroker,
    MemoryMessageQueue,
    Subscription,
)
from atoll.messaging.late import LateQueue
from atoll.service.joining import PAUSE, Joining
from atoll.storage import Database
from tests.unit.messaging.fakes import DEADLINE, PLACED, Opening, message
from tests.unit.service.test_preparation import SharedClock

AWAY = BrokerUnavailable("nobody there")
LOSSY = BrokerUnusable("it would lose messages")


class Grudging(MemoryMessageQueue):
    """Refuses to be subscribed to with `errors` in turn."""

    def __init__(self, broker: MemoryBroker, errors: Sequence[Exception]) -> None:
        super().__init__(broker)
        self.errors = list(errors)

    async def subscribe(
        self, group: str, types: Sequence[str], handler: Handler, *, prefetch: int = 256
    ) -> Subscription:
        if self.errors:
            raise self.errors.pop(0)
        return await super().subscribe(group, types, handler, prefetch=prefetch)


class Clock(SharedClock):
    """Remembers how long it was slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


class Desk:
    """A service whose broker fails with `connecting`, and then with `subscribing`, in turn."""

    def __init__(self, db: Database, connecting: Sequence[Exception], subscribing: Sequence[Exception]) -> None:
        self.broker, self.clock, self.heard = MemoryBroker(), Clock(), asyncio.Event()
        self.opening = Opening(Grudging(self.broker, subscribing), *connecting)
        self.queue = LateQueue(self.opening)
        consumer = Consumer(db, self.queue, "desk", {PLACED: self._hear}, hooks=Hooks(), clock=Clock())
        self.joining = Joining(self.queue, consumer, clock=self.clock, random=lambda: 1.0)

    async def open(self) -> None:
        """Start as a service does."""
        with suppress(BrokerUnavailable):
            await self.queue.connect()
        await self.joining.start()

    async def hears(self) -> bool:
        await MemoryMessageQueue(self.broker).publish(message())
        async with asyncio.timeout(DEADLINE):
            return await self.heard.wait()

    async def _hear(self, _: Message) -> None:
        self.heard.set()


Make = Callable[..., Desk]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Make]:
    db, made = await Database.open(f"sqlite:///{tmp_path}/service.db"), list[Desk]()

    def make(connecting: Sequence[Exception] = (), subscribing: Sequence[Exception] = ()) -> Desk:
        made.append(Desk(db, connecting, subscribing))
        return made[-1]

    yield make
    for each in made:
        await each.joining.stop()
        await each.queue.close()
    await db.close()


async def test_a_broker_that_is_there_is_joined_before_the_start_returns(desk: Make) -> None:
    joined = desk()
    await joined.open()
    await joined.joining.check()
    assert (joined.broker.groups.keys(), joined.clock.slept) == ({"desk"}, [])


async def test_a_broker_that_is_away_is_tried_until_it_comes_with_growing_pauses(desk: Make) -> None:
    joined = desk([AWAY] * 8)
    await joined.open()
    assert await joined.hears()
    await joined.joining.check()
    assert joined.clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
    assert PAUSE.cap == 2.0


async def test_meanwhile_the_start_returns_and_the_reason_is_told(desk: Make) -> None:
    joined = desk([AWAY] * 1000)
    await joined.open()
    with pytest.raises(BrokerUnavailable, match="nobody there"):
        await joined.joining.check()
    assert joined.opening.attempts == 1


async def test_a_broker_that_goes_between_connecting_and_subscribing_is_waited_for_too(desk: Make) -> None:
    joined = desk(subscribing=[AWAY, AWAY])
    await joined.open()
    with pytest.raises(BrokerUnavailable, match="nobody there"):
        await joined.joining.check()
    assert await joined.hears()
    await joined.joining.check()


async def test_what_waiting_does_not_mend_stops_the_start(desk: Make) -> None:
    with pytest.raises(BrokerUnusable, match="it would lose messages"):
        await desk(subscribing=[LOSSY]).open()
    with pytest.raises(BrokerUnusable, match="it would lose messages"):
        await desk([LOSSY]).open()


@pytest.mark.parametrize(("connecting", "subscribing"), [([AWAY, AWAY, LOSSY], []), ([AWAY], [AWAY, LOSSY])])
async def test_what_turns_out_later_to_be_unusable_is_returned_logged_and_told(
    desk: Make,
    caplog: pytest.LogCaptureFixture,
    connecting: Sequence[Exception],
    subscribing: Sequence[Exception],
) -> None:
    joined = desk(connecting, subscribing)
    await joined.open()
    async with asyncio.timeout(DEADLINE):
        assert await joined.joining.failed() is LOSSY
    with pytest.raises(BrokerUnavailable, match="it would lose messages"):
        await joined.joining.check()
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.getMessage() for each in errors] == ["the broker that came cannot be used: it would lose messages"]


async def test_an_error_that_nobody_expected_is_none_to_wait_for_either(
    desk: Make, caplog: pytest.LogCaptureFixture
) -> None:
    joined = desk([AWAY, error := RuntimeError("a defect")])
    await joined.open()
    async with asyncio.timeout(DEADLINE):
        assert await joined.joining.failed() is error
    assert caplog.records[-1].exc_info is not None


async def test_it_can_be_stopped_while_it_waits(desk: Make) -> None:
    joined = desk([AWAY] * 100_000)
    await joined.open()
    async with asyncio.timeout(DEADLINE):
        await joined.joining.stop()
        await joined.joining.stop()
    assert not joined.broker.groups
