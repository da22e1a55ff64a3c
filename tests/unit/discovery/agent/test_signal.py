"""How waiting for a change ends."""

import asyncio

import pytest

from atoll.discovery.agent.signal import ChangeSignal
from tests.unit.discovery.fakes import VirtualClock, settle


class World:
    """A signal, and what those who wait on it wait for."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.signal = ChangeSignal(self.clock)
        self.ready = False
        self.gone = asyncio.Event()

    def wait(self) -> asyncio.Task[None]:
        waiting = self.signal.wait_until(lambda: self.ready, seconds=10, gone=self.gone.wait)
        return asyncio.create_task(waiting)


@pytest.fixture
def world() -> World:
    return World()


async def test_it_ends_with_the_change_waited_for(world: World) -> None:
    waiting = world.wait()
    await settle()
    world.ready = True
    world.signal.notify()
    await asyncio.wait_for(waiting, 5)


async def test_a_change_for_others_does_not_end_it(world: World) -> None:
    waiting = world.wait()
    await settle()
    world.signal.notify()
    await settle()
    assert not waiting.done()
    waiting.cancel()


async def test_it_ends_when_the_time_is_up(world: World) -> None:
    waiting = world.wait()
    await world.clock.advance(9.9)
    assert not waiting.done()
    await world.clock.advance(0.1)
    assert waiting.done()


async def test_it_ends_when_the_client_is_gone(world: World) -> None:
    waiting = world.wait()
    await settle()
    world.gone.set()
    await asyncio.wait_for(waiting, 5)


async def test_it_ends_when_the_signal_is_closed(world: World) -> None:
    waiting = world.wait()
    await settle()
    world.signal.close()
    await asyncio.wait_for(waiting, 5)


async def test_nobody_waits_on_a_closed_signal(world: World) -> None:
    world.signal.close()
    await asyncio.wait_for(world.wait(), 5)


async def test_nobody_waits_for_what_is_there(world: World) -> None:
    world.ready = True
    await asyncio.wait_for(world.wait(), 5)


async def test_one_change_wakes_everyone(world: World) -> None:
    waiting = [world.wait() for _ in range(3)]
    await settle()
    world.ready = True
    world.signal.notify()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_who_is_cancelled_is_forgotten(world: World) -> None:
    waiting = world.wait()
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert world.signal.waiting == 0
