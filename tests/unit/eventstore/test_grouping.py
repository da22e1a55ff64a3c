"""Appends share commits, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from atoll.eventstore import ConcurrencyConflict, EventStore, NewEvent
from atoll.eventstore.grouping import ATTEMPTS, LARGEST
from atoll.eventstore.memory import MemoryEventLog
from atoll.eventstore.port import Outcome, Write
from atoll.storage import CommitUnknown, DiskFailed, StorageError, ValueRefused


class CountingLog(MemoryEventLog):
    """Notes how many writes come at a time; `fails` may raise in the place of a commit, or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.began = asyncio.Event()
        self.before: Callable[[Sequence[Write]], None] = lambda writes: None
        self.after: Callable[[Sequence[Write]], None] = lambda writes: None

    async def write(self, writes: Sequence[Write]) -> list[Outcome]:
        self.batches.append(len(writes))
        self.began.set()
        await asyncio.sleep(0)
        self.before(writes)
        outcomes = await super().write(writes)
        self.after(writes)
        return outcomes


def raising(error: StorageError, times: int = 1) -> Callable[[Sequence[Write]], None]:
    """Return what raises so many times, and then nothing."""
    left = [error] * times

    def fail(writes: Sequence[Write]) -> None:
        if left:
            raise left.pop()

    return fail


@pytest.fixture
def log() -> CountingLog:
    return CountingLog()


@pytest.fixture
def store(log: CountingLog) -> EventStore:
    return EventStore(log)


def event() -> NewEvent:
    return NewEvent(type="happened")


async def test_appends_that_come_together_share_a_commit(log: CountingLog, store: EventStore) -> None:
    await asyncio.gather(*(store.append(f"s{number}", [event()]) for number in range(32)))
    assert log.batches == [32]


async def test_writers_that_go_on_and_on_share_each_commit(log: CountingLog, store: EventStore) -> None:
    async def write(number: int) -> None:
        for version in range(5):
            await store.append(f"s{number}", [event()], expected=version)

    await asyncio.gather(*(write(number) for number in range(32)))
    assert log.batches == [32] * 5


async def test_a_commit_takes_so_many_appends_and_no_more(log: CountingLog, store: EventStore) -> None:
    await asyncio.gather(*(store.append(f"s{number}", [event()]) for number in range(LARGEST + 7)))
    assert log.batches == [LARGEST, 7]


async def test_appends_of_tenants_share_a_commit(log: CountingLog, store: EventStore) -> None:
    await asyncio.gather(*(store.of(name).append("s", [event()], expected=0) for name in ("red", "blue")))
    assert log.batches == [2]


async def test_each_append_of_a_commit_sees_those_before_it(store: EventStore) -> None:
    outcomes = await asyncio.gather(
        *(store.append("s", [event()], expected=number) for number in (0, 0, 1, 5)), return_exceptions=True
    )
    assert [type(each) for each in outcomes[1::2]] == [ConcurrencyConflict, ConcurrencyConflict]
    assert [each.version for each in await store.read("s")] == [1, 2]


async def test_an_append_that_the_database_refuses_fails_alone(log: CountingLog, store: EventStore) -> None:
    def fail(writes: Sequence[Write]) -> None:
        if any(each.parts[0].stream == "bad" for each in writes):
            raise ValueRefused("no")

    log.before = fail
    outcomes = await asyncio.gather(
        *(store.append(each, [event()]) for each in ("a", "bad", "b")), return_exceptions=True
    )
    assert [type(each).__name__ for each in outcomes] == ["Appended", "ValueRefused", "Appended"]
    assert log.batches == [3, 1, 1, 1]


async def test_a_commit_whose_answer_was_lost_is_found_again(log: CountingLog, store: EventStore) -> None:
    log.after = raising(CommitUnknown("lost"))
    appended = await asyncio.gather(*(store.append("s", [event()]) for _ in range(3)))
    assert sorted(each.version for each in appended) == [1, 2, 3]
    assert [each.version for each in await store.read("s")] == [1, 2, 3]


async def test_an_answer_that_stays_lost_is_told(log: CountingLog, store: EventStore) -> None:
    log.before = raising(CommitUnknown("lost"), times=ATTEMPTS)
    with pytest.raises(CommitUnknown):
        await store.append("s", [event()])
    assert len(log.batches) == ATTEMPTS


async def test_a_failed_disk_is_told_to_all_and_passes(log: CountingLog, store: EventStore) -> None:
    log.before = raising(DiskFailed("full"))
    outcomes = await asyncio.gather(*(store.append("s", [event()]) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [DiskFailed] * 3
    assert (await store.append("s", [event()])).version == 1


async def test_an_append_cancelled_before_its_commit_is_not_made(log: CountingLog, store: EventStore) -> None:
    first = asyncio.create_task(store.append("a", [event()]))
    await log.began.wait()
    second = asyncio.create_task(store.append("b", [event()]))
    await asyncio.sleep(0)
    second.cancel()
    await first
    await store.close()
    assert (await store.info("b")).version == 0


async def test_closing_waits_for_the_appends_in_hand(store: EventStore) -> None:
    appending = asyncio.create_task(store.append("a", [event()]))
    await asyncio.sleep(0)
    await store.close()
    assert (await appending).version == 1
