"""Virtual time, and processes that are interrupted, stopped and killed as one."""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
import time
from random import Random

import pytest

from atoll.core import SystemClock, new_id
from atoll.testing.simulation import Stuck
from atoll.testing.simulation.loop import STILL, SimulationLoop
from atoll.testing.simulation.process import EPOCH, Process


class World:
    """A loop with two processes that write down what they do."""

    def __init__(self, seed: int = 0, *, still: int = STILL) -> None:
        self.loop = SimulationLoop(Random(seed), still=still)
        self.one, self.two = (self.loop.process(name, Random(name)) for name in ("one", "two"))
        self.said: list[str] = []

    def say(self, process: Process, *words: str, pause: float = 0.0) -> None:
        async def speak() -> None:
            try:
                for word in words:
                    self.said.append(word)
                    await asyncio.sleep(pause)
            finally:
                self.said.append(f"{process.name} ends")

        self.loop.start(process, speak())

    def until(self, seconds: float) -> list[str]:
        self.loop.run(lambda: False, until=seconds)
        return self.said


async def test_an_hour_passes_at_once() -> None:
    began, virtual = time.monotonic(), asyncio.get_running_loop().time()
    await asyncio.sleep(3600.0)
    assert asyncio.get_running_loop().time() == virtual + 3600.0
    assert time.monotonic() - began < 60.0


async def test_timeouts_are_virtual() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(600.0):
            await asyncio.Event().wait()


async def test_work_for_a_thread_runs_in_none() -> None:
    assert await asyncio.to_thread(threading.get_ident) == threading.get_ident()


async def test_what_work_for_a_thread_raises_reaches_its_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 / 0)


def test_callbacks_of_one_process_run_in_the_order_they_were_made_ready() -> None:
    world = World()
    for number in range(9):
        world.say(world.one, str(number))
    assert [word for word in world.until(1.0) if word != "one ends"] == [str(number) for number in range(9)]


def test_processes_take_turns_as_the_seed_says() -> None:
    def order(seed: int) -> str:
        world = World(seed)
        world.say(world.one, *"aaaaaaaa")
        world.say(world.two, *"bbbbbbbb")
        return "".join(world.until(1.0))

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(20)}) > 1


def test_a_killed_process_runs_no_finally() -> None:
    world = World()
    world.say(world.one, "a", "b", pause=1.0)
    world.until(0.5)
    world.one.kill()
    assert world.until(9.0) == ["a"]


def test_the_world_learns_of_a_kill_at_once() -> None:
    world = World()
    world.one.on_kill.append(lambda: world.said.append("gone"))
    world.one.kill()
    world.one.kill()
    assert world.said == ["gone"]


def test_a_stopped_process_goes_on_where_it_was() -> None:
    world = World()
    world.say(world.one, "a", "b", pause=1.0)
    world.until(0.5)
    world.one.stopped = True
    assert world.until(5.0) == ["a"]
    world.one.stopped = False
    assert world.until(9.0) == ["a", "b", "one ends"]


def test_everybody_waiting_for_nothing_is_told() -> None:
    world = World()
    task = world.loop.spawn(world.one, asyncio.Event().wait())
    with pytest.raises(Stuck):
        world.loop.run(task.done, until=math.inf)
    world.loop.dispose()


def test_a_process_has_a_clock_and_a_chance_of_its_own() -> None:
    world = World()
    skewed = world.loop.process("skewed", Random(1), skew=0.25)
    assert skewed.context.run(SystemClock().now) == EPOCH + 0.25
    again = World().loop.process("skewed", Random(1))
    assert skewed.context.run(new_id) != world.one.context.run(new_id)
    assert World().one.context.run(new_id) == World().one.context.run(new_id)
    assert again.context.run(SystemClock().now) == EPOCH


def test_disposing_ends_every_task() -> None:
    world = World()
    world.say(world.one, "a", "b", pause=1.0)
    world.say(world.two, "a", "b", pause=1.0)
    world.until(0.5)
    world.one.kill()
    world.loop.dispose()
    assert sorted(world.said) == ["a", "a", "one ends", "two ends"]


def test_going_round_without_ever_waiting_is_told() -> None:
    async def spin() -> None:
        for _ in itertools.count():
            await asyncio.sleep(0)

    world = World(still=500)
    world.loop.start(world.one, spin())
    with pytest.raises(Stuck, match="one> is busy"):
        world.until(1.0)
    world.loop.dispose()


async def test_time_passes_with_a_wait_that_is_too_short_to_count() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(1000.0)
    before = loop.time()
    await asyncio.sleep(1e-16)
    assert loop.time() > before
