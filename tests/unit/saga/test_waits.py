"""Waiting for a time and for an event: across restarts, with nothing in memory, and with nothing lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from atoll.saga import EventMissing, Saga, saga
from tests.unit.saga.lives import Base, Heavy, Lives, Paid, start

HOUR = 3600.0


class Reminding(Base):
    @saga
    async def remind(self, s: Saga, order: str) -> str:
        await s.step("note", self.act, "note")
        await s.sleep("a while", HOUR)
        return await s.step("mail", self.act, "mail")


class Nap(Base):
    @saga
    async def nap(self, s: Saga, order: str) -> str:
        await s.sleep("a moment", until=datetime.fromtimestamp(1_000_020, UTC))
        return await s.step("mail", self.act, "mail")


class Paying(Base):
    @saga(waits_for=[Paid])
    async def pay(self, s: Saga, order: str) -> int:
        await s.step("invoice", self.act, "invoice", undo=lambda _: self.act("cancel"))
        paid = await s.wait_for(Paid, key=order, timeout=HOUR)
        await s.step("thank", self.act, "thank")
        return paid.amount

    @saga(waits_for=[Paid])
    async def pay_twice(self, s: Saga, order: str) -> int:
        first = await s.wait_for(Paid, key=order, name="first")
        second = await s.wait_for(Paid, key=order, name="second")
        return first.amount * 100 + second.amount

    @saga(waits_for=[Paid])
    async def remind(self, s: Saga, order: str) -> str:
        try:
            await s.wait_for(Paid, key=order, timeout=HOUR)
        except EventMissing:
            return await s.step("mail", self.act, "mail")
        return ""

    @saga
    async def forget(self, s: Saga, order: str) -> int:
        return (await s.wait_for(Paid, key=order)).amount

    @saga(waits_for=[Heavy])
    async def keyless(self, s: Saga, order: str) -> str:
        await s.wait_for(Heavy, key=order)
        return ""


async def test_a_long_sleep_holds_neither_task_nor_lease(shop: Lives) -> None:
    service = await shop.begin(Reminding)
    await start(shop, service.remind)
    row = await shop.resting()
    assert row.wake_at == shop.clock.now() + HOUR
    await shop.idle()


async def test_a_sleeper_is_woken_when_its_time_has_come_and_not_before(shop: Lives) -> None:
    service = await shop.begin(Reminding)
    await start(shop, service.remind)
    await shop.resting()
    shop.clock.advance(HOUR - 1)
    assert await shop.engine.claims.claimable() == []
    shop.clock.advance(1)
    assert (await shop.ended()).result == '"mail"'
    assert shop.world.done == ["note", "mail"]


async def test_a_sleep_goes_on_across_a_restart_to_the_time_fixed_when_it_began(shop: Lives) -> None:
    service = await shop.begin(Reminding)
    await start(shop, service.remind)
    due = (await shop.resting()).wake_at
    await shop.end()
    shop.clock.advance(HOUR / 2)
    await shop.begin(Reminding)
    assert (await shop.row()).wake_at == due
    shop.clock.advance(HOUR / 2)
    assert (await shop.ended()).status == "completed"


async def test_a_short_sleep_stays_in_hand_and_is_fixed_in_the_journal(shop: Lives) -> None:
    service = await shop.begin(Nap)
    await start(shop, service.nap)
    async with asyncio.timeout(20):
        while not await shop.engine.journal.steps("s1"):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    (timer,) = await shop.engine.journal.steps("s1")
    assert (timer.kind, timer.outcome, timer.due) == ("timer", "waiting", 1_000_020.0)
    shop.clock.advance(20)
    assert (await shop.ended()).status == "completed"


async def test_an_event_wakes_the_saga_that_waits_for_it(shop: Lives) -> None:
    service = await shop.begin(Paying)
    await start(shop, service.pay)
    await shop.resting()
    await shop.hear(Paid(order="other", amount=1))
    await shop.hear(Paid(order="o1", amount=7))
    assert (await shop.ended()).result == "7"


async def test_an_event_that_came_before_the_saga_waits_is_not_lost(shop: Lives) -> None:
    service = await shop.begin(Paying, opened=False)
    gate = shop.world.gates["invoice"] = asyncio.Event()
    await start(shop, service.pay)
    await shop.hear(Paid(order="o1", amount=7))
    gate.set()
    assert (await shop.ended()).result == "7"


async def test_an_event_that_came_before_the_saga_began_is_another_one_s(shop: Lives) -> None:
    service = await shop.begin(Paying)
    await shop.hear(Paid(order="o1", amount=1))
    await start(shop, service.pay)
    await shop.resting()
    await shop.hear(Paid(order="o1", amount=7))
    assert (await shop.ended()).result == "7"


async def test_an_event_whose_transaction_is_undone_was_not_heard(shop: Lives) -> None:
    service = await shop.begin(Paying)
    await start(shop, service.pay)
    await shop.resting()
    with pytest.raises(ValueError, match="no"):
        async with shop.db.transaction():
            await shop.hear(Paid(order="o1", amount=1))
            raise ValueError("no")
    assert (await shop.row()).wake_at is not None
    await shop.hear(Paid(order="o1", amount=7))
    assert (await shop.ended()).result == "7"


async def test_a_second_wait_takes_the_second_event_and_every_saga_gets_each(shop: Lives) -> None:
    service = await shop.begin(Paying)
    for saga_id in ("s1", "s2"):
        await start(shop, service.pay_twice, saga_id)
        await shop.resting(saga_id)
    for amount in (3, 4):
        await shop.hear(Paid(order="o1", amount=amount))
    assert [(await shop.ended(saga_id)).result for saga_id in ("s1", "s2")] == ["304", "304"]


async def test_an_event_that_came_while_nobody_ran_wakes_the_saga_at_the_next_start(shop: Lives) -> None:
    service = await shop.begin(Paying)
    await start(shop, service.pay)
    await shop.resting()
    await shop.end()
    await shop.begin(Paying, opened=False)
    await shop.hear(Paid(order="o1", amount=7))
    await shop.end()
    await shop.begin(Paying)
    assert (await shop.ended()).result == "7"


async def test_an_event_that_does_not_come_undoes_what_was_done(shop: Lives) -> None:
    service = await shop.begin(Paying)
    await start(shop, service.pay)
    await shop.resting()
    shop.clock.advance(HOUR)
    row = await shop.ended()
    assert (row.status, shop.world.done) == ("compensated", ["invoice", "cancel"])
    assert "with key 'o1' came in time" in (row.cause or "")


async def test_a_missing_event_may_be_caught_and_stays_missing(shop: Lives) -> None:
    service = await shop.begin(Paying)
    shop.world.trouble["mail"] = [asyncio.CancelledError()]
    await start(shop, service.remind)
    await shop.resting()
    shop.clock.advance(HOUR)
    await shop.until(lambda row: not shop.world.trouble["mail"])
    await shop.hear(Paid(order="o1", amount=7))
    await shop.end()
    await shop.begin(Paying)
    assert (await shop.ended()).result == '"mail"'


async def test_events_are_swept_once_no_open_saga_began_before_them(shop: Lives) -> None:
    service = await shop.begin(Paying)
    await shop.hear(Paid(order="o2", amount=1))
    await start(shop, service.pay)
    await shop.resting()
    await shop.hear(Paid(order="o3", amount=1))
    assert await shop.engine.events.sweep() == 1
    await shop.hear(Paid(order="o1", amount=7))
    await shop.ended()
    assert await shop.engine.events.sweep() == 2


@pytest.mark.parametrize(("name", "told"), [("forget", "waits_for=[Paid]"), ("keyless", "Heavy has no key")])
async def test_a_wait_that_cannot_work_says_what_to_declare(shop: Lives, name: str, told: str) -> None:
    service = await shop.begin(Paying)
    await start(shop, getattr(service, name))
    row = await shop.ended()
    assert row.status == "compensated"
    assert told in (row.cause or "")
