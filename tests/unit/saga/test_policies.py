"""How long a step is tried, what a timeout means, and what a pivot decides."""

from __future__ import annotations

import asyncio

import pytest

from atoll.resilience import RetryPolicy
from atoll.saga import Saga, saga
from tests.unit.saga.lives import Base, Declined, Lives, problem_of, start

ONCE = RetryPolicy(attempts=1)


class Shop(Base):
    stalled = 0

    async def stall(self, what: str) -> str:
        """Do it, and answer too late the first time."""
        self.world.done.append(what)
        self.stalled += 1
        if self.stalled == 1:
            await asyncio.Event().wait()
        return what

    async def lie(self, what: str) -> int:
        self.world.done.append(what)
        return what  # type: ignore[return-value]

    @saga
    async def once(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve", undo=lambda _: self.act("release"))
        return await s.step("charge", self.act, "charge", undo=lambda _: self.act("refund"), retry=ONCE)

    @saga
    async def late(self, s: Saga, order: str) -> str:
        return await s.step("charge", self.stall, "charge", undo=lambda _: self.act("refund"), timeout=0.01, retry=ONCE)

    @saga
    async def later(self, s: Saga, order: str) -> str:
        return await s.step("charge", self.stall, "charge", timeout=0.01)

    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve", undo=lambda _: self.act("release"))
        await s.pivot("charge", self.act, "charge", retry=ONCE)
        return await s.step("ship", self.act, "ship", retry=RetryPolicy(attempts=3))

    @saga
    async def lying(self, s: Saga, order: str) -> str:
        await s.step("charge", self.lie, "charge")
        return ""


async def sold(shop: Lives, name: str = "sell", **trouble: list[BaseException]) -> str:
    service = await shop.begin(Shop)
    shop.world.trouble |= trouble
    await start(shop, getattr(service, name))
    return (await shop.ended()).status


def gone(count: int) -> list[BaseException]:
    return [ConnectionError("gone")] * count


async def test_a_step_s_own_policy_says_when_its_outcome_counts_as_unknown(shop: Lives) -> None:
    assert await sold(shop, "once", charge=gone(1)) == "compensated"
    assert shop.world.done == ["reserve", "charge", "refund", "release"]


async def test_a_step_that_timed_out_is_settled_and_undone_because_it_may_have_been_done(shop: Lives) -> None:
    assert await sold(shop, "late") == "compensated"
    assert shop.world.done == ["charge", "charge", "refund"]
    assert "did not end within 0.01 s" in ((await shop.row()).cause or "")


async def test_a_timeout_is_for_one_attempt(shop: Lives) -> None:
    assert await sold(shop, "later") == "completed"
    assert shop.world.done == ["charge", "charge"]


async def test_a_pivot_that_is_refused_undoes_what_came_before(shop: Lives) -> None:
    assert await sold(shop, charge=[Declined()]) == "compensated"
    assert shop.world.done == ["reserve", "release"]


async def test_behind_a_pivot_a_refusal_is_tried_again_and_nothing_undone(shop: Lives) -> None:
    assert await sold(shop, ship=[Declined(), Declined()]) == "completed"
    assert shop.world.done == ["reserve", "charge", "ship"]


async def test_behind_a_pivot_a_step_that_never_succeeds_parks_the_saga(shop: Lives) -> None:
    assert await sold(shop, ship=gone(3)) == "parked"
    row = await shop.row()
    assert (shop.world.done, problem_of(row), row.turned_at) == (["reserve", "charge"], "gone", None)


async def test_a_pivot_whose_outcome_is_unknown_is_asked_about_and_decides(shop: Lives) -> None:
    assert await sold(shop, charge=gone(5)) == "completed"
    assert await shop.outcomes() == {"reserve": "done", "charge": "done", "ship": "done"}


async def test_a_pivot_that_turns_out_to_be_refused_undoes_what_came_before(shop: Lives) -> None:
    assert await sold(shop, charge=[*gone(5), Declined()]) == "compensated"
    assert shop.world.done == ["reserve", "release"]


async def test_a_pivot_whose_outcome_stays_unknown_parks_the_saga(shop: Lives) -> None:
    assert await sold(shop, charge=gone(41)) == "parked"
    assert shop.world.done == ["reserve"]


async def test_a_result_that_cannot_be_read_back_parks_the_saga_because_the_step_was_done(shop: Lives) -> None:
    assert await sold(shop, "lying") == "parked"
    assert "cannot be kept as the type its method declares" in problem_of(await shop.row())


@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_restart_behind_a_pivot_goes_on_forward(shop: Lives, attempts: int) -> None:
    service = await shop.begin(Shop)
    shop.world.trouble["ship"] = [*gone(attempts - 1), asyncio.CancelledError()]
    await start(shop, service.sell)
    await shop.until(lambda row: not shop.world.trouble["ship"])
    await shop.end()
    shop.world.trouble["ship"] = [Declined()]
    await shop.begin(Shop)
    assert (await shop.ended()).status == "completed"
