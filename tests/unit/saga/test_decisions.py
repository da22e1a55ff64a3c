"""What an operator decides about a parked saga takes effect once, whoever else decides or dies."""

from __future__ import annotations

import asyncio

import pytest

from atoll.saga import LeaseLost, NotDecidable, Saga, SagaParked, SagaUnknown, saga
from atoll.saga.rows import Lease
from tests.unit.saga.lives import Base, Declined, Lives, problem_of, start


class Shop(Base):
    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve", undo=lambda _: self.act("release"))
        await s.step("charge", self.act, "charge", undo=lambda _: self.act("refund"))
        return await s.step("ship", self.act, "ship")

    @saga
    async def send(self, s: Saga, order: str) -> str:
        await s.pivot("charge", self.act, "charge")
        parcel = await s.step("ship", self.act, "ship")
        await s.step("tell", self.act, f"tell {parcel}")
        return parcel

    @saga
    async def trip(self, s: Saga, order: str) -> str:
        await s.pivot("charge", self.act, "charge")
        self.world.done.append("tripped")
        if self.world.trouble.get("own code"):
            raise self.world.trouble["own code"].pop()
        return ""


def gone(count: int) -> list[BaseException]:
    return [ConnectionError("gone")] * count


@pytest.fixture
async def parked(shop: Lives) -> Lives:
    """A saga that could not refund."""
    service = await shop.begin(Shop)
    shop.world.trouble |= {"ship": [Declined()], "refund": gone(40)}
    await start(shop, service.sell)
    assert (await shop.ended()).status == "parked"
    return shop


@pytest.fixture
async def ahead(shop: Lives) -> Lives:
    """A saga that could not ship what is paid for."""
    service = await shop.begin(Shop)
    shop.world.trouble["ship"] = gone(40)
    await start(shop, service.send)
    assert (await shop.ended()).status == "parked"
    return shop


async def test_a_parked_saga_says_where_and_why(parked: Lives) -> None:
    row = await parked.row()
    assert row.stuck is not None
    assert (row.stuck.step, row.stuck.kind, problem_of(row)) == ("charge", "undo", "gone")
    assert await parked.outcomes() == {
        "reserve": "done", "charge": "done", "ship": "failed", "undo charge": "stuck"
    }  # fmt: skip


async def test_retry_goes_on_with_the_undo_that_failed(parked: Lives) -> None:
    await parked.engine.decisions.retry("s1", decision="d1", who="ada", note="the bank is back")
    assert (await parked.ended()).status == "compensated"
    assert parked.world.done == ["reserve", "charge", "refund", "release"]
    (made,) = await parked.engine.journal.decisions("s1")
    assert (made.action, made.step, made.who, made.note) == ("retry", "charge", "ada", "the bank is back")


async def test_skip_goes_on_behind_the_undo_that_failed(parked: Lives) -> None:
    await parked.engine.decisions.skip("s1", decision="d1", who="ada", note="refunded by hand")
    assert (await parked.ended()).status == "compensated"
    assert parked.world.done == ["reserve", "charge", "release"]
    assert (await parked.outcomes())["undo charge"] == "skipped"


async def test_retry_goes_on_with_the_step_that_failed_behind_a_pivot(ahead: Lives) -> None:
    await ahead.engine.decisions.retry("s1", decision="d1", who="ada")
    assert (await ahead.ended()).result == '"ship"'
    assert ahead.world.done == ["charge", "ship", "tell ship"]


async def test_a_skipped_step_returns_what_the_operator_gives(ahead: Lives) -> None:
    await ahead.engine.decisions.skip("s1", decision="d1", who="ada", note="sent", result='"by hand"')
    assert (await ahead.ended()).result == '"by hand"'
    assert ahead.world.done == ["charge", "tell by hand"]


async def test_a_result_that_does_not_fit_the_step_parks_again_and_may_be_given_anew(ahead: Lives) -> None:
    await ahead.engine.decisions.skip("s1", decision="d1", who="ada", result="5")
    row = await ahead.until(lambda row: row.ended_at is not None and row.epoch == 2)
    assert "skipped with a result that does not fit" in problem_of(row)
    await ahead.engine.decisions.skip("s1", decision="d2", who="ada", result='"by hand"')
    assert (await ahead.ended()).result == '"by hand"'


async def test_a_step_whose_outcome_is_unknown_and_that_is_skipped_without_a_result_is_not_undone(shop: Lives) -> None:
    service = await shop.begin(Shop)
    shop.world.trouble["charge"] = gone(52)
    await start(shop, service.sell)
    assert (await shop.outcomes() if (await shop.ended()).status == "parked" else {})["charge"] == "unknown"
    await shop.engine.decisions.skip("s1", decision="d1", who="ada", note="it was not charged")
    assert (await shop.ended()).status == "compensated"
    assert shop.world.done == ["reserve", "release"]


async def test_a_step_whose_outcome_is_unknown_and_that_is_skipped_with_a_result_is_undone(shop: Lives) -> None:
    service = await shop.begin(Shop)
    shop.world.trouble["charge"] = gone(52)
    await start(shop, service.sell)
    await shop.ended()
    await shop.engine.decisions.skip("s1", decision="d1", who="ada", note="it was charged", result='"charge"')
    assert (await shop.ended()).status == "compensated"
    assert shop.world.done == ["reserve", "refund", "release"]


async def test_resolve_ends_a_saga_with_a_result_for_its_callers(ahead: Lives) -> None:
    row = await ahead.engine.decisions.resolve("s1", "completed", decision="d1", who="ada", result='"by hand"')
    assert (row.status, row.result, row.stuck) == ("completed", '"by hand"', None)
    assert ahead.world.done == ["charge"]


async def test_resolve_as_compensated_keeps_why_it_was_parked(ahead: Lives) -> None:
    row = await ahead.engine.decisions.resolve("s1", "compensated", decision="d1", who="ada", note="paid back")
    assert (row.status, "gone" in (row.cause or "")) == ("compensated", True)


async def test_a_result_that_does_not_fit_the_saga_is_refused(ahead: Lives) -> None:
    with pytest.raises(NotDecidable, match="does not fit what send returns"):
        await ahead.engine.decisions.resolve("s1", "completed", decision="d1", who="ada", result="5")
    assert (await ahead.row()).status == "parked"


async def test_only_a_parked_saga_is_decided_about_and_the_refusal_says_who_did(parked: Lives) -> None:
    await parked.engine.decisions.retry("s1", decision="d1", who="ada")
    await parked.ended()
    with pytest.raises(NotDecidable, match="is compensated, not parked.*; ada retried it 0 s ago"):
        await parked.engine.decisions.skip("s1", decision="d2", who="bob")


async def test_the_same_decision_made_again_changes_nothing(parked: Lives) -> None:
    for _ in range(3):
        await parked.engine.decisions.skip("s1", decision="d1", who="ada")
    assert (await parked.ended()).epoch == 2
    assert len(await parked.engine.journal.decisions("s1")) == 1


async def test_of_two_operators_who_decide_at_once_one_wins_and_the_other_is_told(parked: Lives) -> None:
    decisions = parked.engine.decisions
    made = await asyncio.gather(
        decisions.skip("s1", decision="d1", who="ada"),
        decisions.resolve("s1", "compensated", decision="d2", who="bob"),
        return_exceptions=True,
    )
    assert [type(each) for each in made if isinstance(each, Exception)] == [NotDecidable]
    await parked.ended()
    assert len(await parked.engine.journal.decisions("s1")) == 1


async def test_after_a_decision_whoever_still_worked_on_the_saga_can_write_no_more(parked: Lives) -> None:
    zombie = Lease("s1", (await parked.row()).epoch, parked.clock.now() + 10)
    await parked.engine.decisions.resolve("s1", "compensated", decision="d1", who="ada")
    with pytest.raises(LeaseLost):
        await parked.engine.journal.hold(zombie)


async def test_a_decision_whose_process_is_killed_is_gone_on_with_by_another(parked: Lives) -> None:
    await parked.engine.abandon()  # as far as the saga is concerned, the process ends with the commit
    await parked.engine.decisions.retry("s1", decision="d1", who="ada")
    await parked.begin(Shop, owner="shop/1", opened=False)
    parked.clock.advance(31)
    await parked.engine.open()
    assert (await parked.ended()).status == "compensated"


async def test_a_saga_stuck_in_its_own_code_is_retried_not_skipped(shop: Lives) -> None:
    service = await shop.begin(Shop)
    shop.world.trouble["own code"] = [RuntimeError("oops")]
    await start(shop, service.trip)
    assert problem_of(await shop.ended()) == "oops"
    with pytest.raises(NotDecidable, match="in its own code"):
        await shop.engine.decisions.skip("s1", decision="d1", who="ada")
    await shop.engine.decisions.retry("s1", decision="d2", who="ada")
    assert (await shop.until(lambda row: row.status == "completed")).epoch == 2


async def test_an_unknown_saga_and_a_result_for_an_undo_are_refused(parked: Lives) -> None:
    with pytest.raises(SagaUnknown):
        await parked.engine.decisions.retry("none", decision="d1", who="ada")
    with pytest.raises(NotDecidable, match="has no result"):
        await parked.engine.decisions.skip("s1", decision="d1", who="ada", result="1")


async def test_a_caller_of_a_parked_saga_is_told(shop: Lives) -> None:
    service = await shop.begin(Shop)
    shop.world.trouble |= {"ship": [Declined()], "refund": gone(40)}
    with pytest.raises(SagaParked):
        await service.sell("o1")
