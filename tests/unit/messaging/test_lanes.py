from __future__ import annotations

import asyncio

from atoll.messaging.lanes import Lanes


async def hold(lanes: Lanes, key: str, name: str, log: list[str], release: asyncio.Event) -> None:
    async with lanes.turn(key):
        log.append(name)
        await release.wait()


async def started(*tasks: asyncio.Task[None]) -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_turns_of_one_key_come_in_the_order_they_were_asked_for() -> None:
    lanes, log, release = Lanes(), list[str](), asyncio.Event()
    release.set()
    async with asyncio.TaskGroup() as group:
        for name in "abcdef":
            group.create_task(hold(lanes, "k", name, log, release))
    assert "".join(log) == "abcdef"


async def test_a_key_waits_while_its_turn_is_held() -> None:
    lanes, log, release = Lanes(), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        await started(*(group.create_task(hold(lanes, "k", name, log, release)) for name in "ab"))
        assert log == ["a"]
        release.set()
    assert log == ["a", "b"]


async def test_other_keys_do_not_wait() -> None:
    lanes, log, release = Lanes(), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        await started(*(group.create_task(hold(lanes, key, key, log, release)) for key in "ab"))
        assert log == ["a", "b"]
        release.set()


async def test_an_empty_key_has_no_order_and_never_waits() -> None:
    lanes, log, release = Lanes(), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        await started(*(group.create_task(hold(lanes, "", name, log, release)) for name in "ab"))
        assert log == ["a", "b"]
        release.set()


async def test_one_who_gives_up_waiting_lets_the_next_one_in() -> None:
    lanes, log, release = Lanes(), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hold(lanes, "k", name, log, release)) for name in "abc"]
        await started(*tasks)
        tasks[1].cancel()
        release.set()
    assert log == ["a", "c"]


async def test_a_lane_is_gone_when_nobody_is_in_it() -> None:
    lanes = Lanes()
    async with lanes.turn("k"):
        assert len(lanes) == 1
    assert len(lanes) == 0
