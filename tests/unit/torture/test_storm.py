"""Load and faults side by side, and a load that does not do its part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from atoll.system import Load, Recorder
from atoll.torture import Fault, LoadFailed
from atoll.torture.injury import Injury
from atoll.torture.storm import Storm

Customers = Callable[[str, Random, asyncio.Event, Recorder], Coroutine[Any, Any, None]]
PLAN = [Fault(at=0.0, kind="kill", target="order"), Fault(at=0.01, kind="kill", target="payment")]


async def nothing(*_: object) -> list[str]:
    return []


async def inject(fault: Fault) -> Injury:
    return Injury(fault, "", 1.0, 1.0)


def storm(customers: Customers, **options: Any) -> Storm:
    load = Load(customers=customers, facts=nothing)
    return Storm(load, "http://gateway", inject, seed=1, tell=lambda _: None, tail=0.01, **options)


async def polite(url: str, random: Random, stop: asyncio.Event, recorder: Recorder) -> None:
    recorder.acknowledge(f"{url} {random.random()}")
    await stop.wait()


async def test_every_fault_is_done_while_customers_are_there() -> None:
    found = storm(polite)
    await found.rage(PLAN)
    assert [each.fault for each in found.injuries] == PLAN
    assert len(found.recorder.acknowledged) == 1


async def test_the_same_seed_gives_customers_the_same_dice() -> None:
    one, two = storm(polite), storm(polite)
    await asyncio.gather(one.rage(PLAN), two.rage(PLAN))
    assert one.recorder.acknowledged == two.recorder.acknowledged


async def test_customers_who_leave_before_they_are_told_to_make_the_run_useless() -> None:
    async def hasty(*_: object) -> None:
        pass

    with pytest.raises(LoadFailed, match="it ended before it was told to"):
        await storm(hasty).rage(PLAN)


async def test_customers_who_fail_make_the_run_useless() -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("no shoes")

    with pytest.raises(LoadFailed, match="it failed with RuntimeError: no shoes"):
        await storm(broken).rage(PLAN)


async def test_faults_wait_for_the_first_facts() -> None:
    async def slow(url: str, _random: Random, stop: asyncio.Event, recorder: Recorder) -> None:
        for number in range(3):
            await asyncio.sleep(0)
            assert not found.injuries
            recorder.acknowledge(f"{url} {number}")
        await stop.wait()

    found = storm(slow, warm=3)
    await found.rage(PLAN)
    assert len(found.injuries) == len(PLAN)


async def test_customers_who_do_not_leave_are_thrown_out() -> None:
    async def stubborn(url: str, _random: Random, _stop: asyncio.Event, recorder: Recorder) -> None:
        recorder.acknowledge(url)
        await asyncio.Event().wait()

    with pytest.raises(LoadFailed, match="it had not ended 0.01 s after it was told to"):
        await storm(stubborn, leave=0.01).rage(PLAN)
