"""Following a service: the index rules, the pace, and a registry that is away for a while."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.discovery import Instance, RegistryClosed, RegistryError, RegistryUnreachable
from atoll.discovery.consul.watch import Contact, Pace, Watch, next_index
from atoll.discovery.consul.wire import Answer
from tests.unit.discovery.fakes import VirtualClock, settle

A, B = (Instance(id=name, service="web", host=name, port=1) for name in "ab")


class World:
    """A watch on a script of answers; with no more of them the question blocks."""

    def __init__(self, *script: Answer | RegistryError) -> None:
        self.clock = VirtualClock(0.0)
        self.script = list(script)
        self.asked: list[int] = []
        self.seen: list[Sequence[Instance]] = []
        self.watch = Watch(self.ask, contact=Contact(), clock=self.clock, random=lambda: 1.0)
        self.task = asyncio.create_task(self.follow())

    async def ask(self, index: int) -> Answer:
        self.asked.append(index)
        if not self.script:
            await asyncio.Event().wait()
        answer = self.script.pop(0)
        if isinstance(answer, RegistryError):
            raise answer
        return answer

    async def follow(self) -> None:
        async for instances in self.watch.changes():
            self.seen.append(instances)


def answer(index: int, *instances: Instance) -> Answer:
    return Answer(instances=instances, index=index)


def away() -> RegistryError:
    return RegistryUnreachable("http://127.0.0.1:8500", "refused")


@pytest.fixture
async def worlds() -> AsyncIterator[list[World]]:
    worlds: list[World] = []
    yield worlds
    for each in worlds:
        each.task.cancel()
    await asyncio.gather(*(each.task for each in worlds), return_exceptions=True)


async def played(worlds: list[World], *script: Answer | RegistryError) -> World:
    worlds.append(World(*script))
    await settle()
    return worlds[-1]


async def test_it_waits_from_the_index_of_the_last_answer(worlds: list[World]) -> None:
    world = await played(worlds, answer(5, A), answer(9, A, B))
    assert (world.asked, world.seen) == ([0, 5, 9], [(A,), (A, B)])


async def test_the_same_answer_again_is_no_change(worlds: list[World]) -> None:
    world = await played(worlds, answer(5, A), answer(5, A), answer(6, A))
    assert world.seen == [(A,)]


async def test_an_empty_answer_is_an_answer(worlds: list[World]) -> None:
    assert (await played(worlds, answer(5))).seen == [()]


async def test_an_index_that_goes_back_begins_anew(worlds: list[World]) -> None:
    assert (await played(worlds, answer(5), answer(3))).asked == [0, 5, 0]


async def test_an_index_of_zero_would_not_block_so_one_is_asked_for(worlds: list[World]) -> None:
    assert (await played(worlds, answer(0))).asked == [0, 1]


async def test_while_the_registry_is_away_nothing_changes(worlds: list[World]) -> None:
    world = await played(worlds, answer(5, A), away(), away())
    await world.clock.advance(60)
    assert world.seen == [(A,)]


async def test_it_asks_anew_after_the_registry_was_away(worlds: list[World]) -> None:
    world = await played(worlds, answer(5, A), away(), answer(2, B))
    await world.clock.advance(60)
    assert (world.asked, world.seen) == ([0, 5, 0, 2], [(A,), (B,)])


async def test_it_asks_ever_less_often_up_to_every_five_seconds(worlds: list[World]) -> None:
    world = await played(worlds, *(away() for _ in range(30)))
    await world.clock.advance(12.7)
    first = len(world.asked)
    await world.clock.advance(50)
    assert (first, len(world.asked) - first) == (8, 10)


async def test_closing_the_registry_ends_it(worlds: list[World]) -> None:
    world = await played(worlds, answer(5, A), RegistryClosed())
    assert world.task.done()


async def test_answers_that_churn_are_taken_twice_a_second(worlds: list[World]) -> None:
    world = await played(worlds, *(answer(number, A) for number in range(1, 100)))
    at_once = len(world.asked)
    await world.clock.advance(10)
    assert (at_once, len(world.asked) - at_once) == (10, 20)


def test_an_absence_is_logged_once_however_many_notice(caplog: pytest.LogCaptureFixture) -> None:
    contact = Contact()
    with caplog.at_level("INFO"):
        for tell in [lambda: contact.lost(away()), contact.found] * 2:
            tell()
            tell()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"] * 2


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_the_next_index_blocks_or_begins_anew(asked: int, answered: int) -> None:
    index = next_index(asked, answered)
    assert index == 0 if answered < asked else index == max(1, answered)


@given(st.lists(st.floats(0, 10), min_size=20))
def test_a_pace_never_lets_more_through_than_it_promises(gaps: list[float]) -> None:
    pace, now, times = Pace(0.0, burst=3, per_second=2.0), 0.0, list[float]()
    for gap in gaps:
        now += gap
        now += pace.delay(now)
        times.append(now)
    for start, end in zip(times, times[5:], strict=False):
        assert end - start >= (5 - 3) / 2.0 - 1e-9
