"""Following the feed without a gap or a repetition where catching up ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from atoll.eventstore import EventStore, NewEvent, Position
from atoll.eventstore.memory import MemoryEventLog
from atoll.eventstore.port import FeedPage, FeedSlice
from atoll.eventstore.signal import Signal


class PatientSignal(Signal):
    """Waits without an end, so that what is missed is missed for ever; notes for how long it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    async def wait(self, ticket: int, timeout: float) -> None:
        self.asked.append(timeout)
        await super().wait(ticket, 60.0)


class HastySignal(PatientSignal):
    """Does not wait at all."""

    async def wait(self, ticket: int, timeout: float) -> None:
        self.asked.append(timeout)


class InterruptedLog(MemoryEventLog):
    """Lets something happen after a page was read, before the reader has it."""

    def __init__(self, changed: PatientSignal) -> None:
        super().__init__()
        self.changed: PatientSignal = changed
        self.then: list[Callable[[], Awaitable[object]]] = []
        self.held: list[bool] = []

    async def feed(self, part: FeedSlice) -> FeedPage:
        page = await super().feed(part)
        if self.held and self.held.pop():
            return FeedPage(position=part.after, held=True)
        if self.then:
            await self.then.pop()()
        return page


async def test_what_is_committed_while_the_last_page_is_read_comes_at_once() -> None:
    log = InterruptedLog(PatientSignal())
    store = EventStore(log)
    log.then.append(lambda: store.append("s", [NewEvent(type="late")]))
    async with asyncio.timeout(5):
        async for each in store.subscribe():
            assert each.type == "late"
            break


async def test_no_event_comes_twice() -> None:
    store = EventStore.memory()
    seen: list[int] = []

    async def follow() -> None:
        async for each in store.subscribe(page=3):
            seen.append(each.version)
            if len(seen) == 40:
                return

    following = asyncio.create_task(follow())
    for _ in range(20):
        await store.append("s", [NewEvent(type="happened"), NewEvent(type="happened")])
    async with asyncio.timeout(5):
        await following
    assert seen == list(range(1, 41))


async def test_while_the_feed_is_held_back_the_reader_looks_again_soon_and_less_and_less_often() -> None:
    log = InterruptedLog(HastySignal())
    log.held = [True] * 8
    store = EventStore(log)
    await store.append("s", [NewEvent(type="happened")])
    async with asyncio.timeout(5):
        assert len(await anext(store.subscribe().batches())) == 1
    asked = log.changed.asked
    assert asked == sorted(asked)
    assert (asked[0] < 0.01, asked[-1]) == (True, 0.1)


async def test_the_position_is_that_of_what_was_handed_out() -> None:
    store = EventStore.memory()
    await store.append("s", [NewEvent(type="happened") for _ in range(5)])
    subscription = store.subscribe(page=2)
    assert (subscription.position, subscription.live) == (Position(), False)
    batches = subscription.batches()
    assert [each.version for each in await anext(batches)] == [1, 2]
    assert (subscription.position, subscription.live) == (Position(0, 2), False)
    await anext(batches)
    assert [each.version for each in await anext(batches)] == [5]
    assert (subscription.position, subscription.live) == (Position(0, 5), True)


async def test_a_signal_set_after_the_ticket_is_not_missed() -> None:
    signal = Signal()
    ticket = signal.ticket()
    signal.set()
    async with asyncio.timeout(5):
        await signal.wait(ticket, 60.0)


async def test_a_signal_that_is_not_set_ends_after_the_timeout() -> None:
    signal = Signal()
    async with asyncio.timeout(5):
        await signal.wait(signal.ticket(), 0.001)
