"""The sagas that a process works on: each once under one claim, and under a new claim at once."""

from __future__ import annotations

import asyncio

import pytest

from atoll.saga.in_hand import InHand
from atoll.saga.rows import Lease, SagaRow


def claimed(epoch: int = 1) -> SagaRow:
    return SagaRow(
        id="s1",
        name="sell",
        status="running",
        input='"o1"',
        owner="shop/0",
        epoch=epoch,
        lease_until=30.0,
        started_at=0.0,
    )


class Works:
    """Notes each claim that is worked on, and works until it is let go."""

    def __init__(self) -> None:
        self.claims: list[int] = []
        self.gate = asyncio.Event()

    async def work(self, row: SagaRow, lease: Lease) -> SagaRow | None:
        self.claims.append(lease.epoch)
        await self.gate.wait()
        return row


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def in_hand(works: Works) -> InHand:
    return InHand(works.work)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_saga_is_worked_on_once_under_one_claim(in_hand: InHand, works: Works) -> None:
    in_hand.take_up(claimed())
    in_hand.take_up(claimed())
    await settle()
    assert works.claims == [1]


async def test_a_saga_decided_about_before_the_task_that_parked_it_has_ended_goes_on_at_once(
    in_hand: InHand, works: Works
) -> None:
    in_hand.take_up(claimed())
    await settle()
    in_hand.take_up(claimed(epoch=2))
    await settle()
    assert (works.claims, in_hand.leases["s1"].epoch) == ([1, 2], 2)


async def test_a_task_that_ends_late_leaves_the_new_claim_in_hand(in_hand: InHand, works: Works) -> None:
    in_hand.take_up(claimed())
    await settle()
    late, works.gate = works.gate, asyncio.Event()
    in_hand.take_up(claimed(epoch=2))
    await settle()
    late.set()
    await settle()
    assert in_hand.leases["s1"].epoch == 2


async def test_a_saga_whose_task_has_ended_is_in_hand_no_more(in_hand: InHand, works: Works) -> None:
    in_hand.take_up(claimed())
    works.gate.set()
    await settle()
    assert (in_hand.task("s1"), dict(in_hand.leases)) == (None, {})


async def test_all_who_expect_a_saga_are_told_when_it_is_taken_up_though_one_gave_up(in_hand: InHand) -> None:
    await asyncio.gather(in_hand.taken_up("s1", 0.0), in_hand.taken_up("s1", 0.0))
    waiting = [asyncio.create_task(in_hand.taken_up("s1", 60.0)) for _ in range(2)]
    await in_hand.taken_up("s1", 0.0)
    in_hand.take_up(claimed())
    async with asyncio.timeout(20):
        await asyncio.gather(*waiting)


async def test_after_a_stop_nothing_runs_and_nothing_is_taken_up(in_hand: InHand, works: Works) -> None:
    in_hand.take_up(claimed())
    await settle()
    in_hand.take_up(claimed(epoch=2))
    await settle()
    await in_hand.stop()
    in_hand.take_up(claimed(epoch=3))
    await settle()
    assert (works.claims, in_hand.task("s1")) == ([1, 2], None)
