"""Code that changes under a saga: the old one finishes what it began, or the saga says what has changed."""

from __future__ import annotations

import pytest

from atoll.core.errors import DeclarationError
from atoll.saga import NotDecidable, Saga, SagaEngine, saga
from tests.unit.saga.lives import Base, Lives, World, problem_of, start


class First(Base):
    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve", undo=lambda _: self.act("release"))
        await s.step("charge", self.act, "charge")
        await s.sleep("cool", 60)
        return await s.step("ship", self.act, "ship")


class Both(Base):
    @saga(name="sell", version=1)
    async def sell_1(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve", undo=lambda _: self.act("release"))
        await s.step("charge", self.act, "charge")
        await s.sleep("cool", 60)
        return await s.step("ship", self.act, "ship")

    @saga(version=2)
    async def sell(self, s: Saga, order: str) -> str:
        return await s.step("sell", self.act, "sell")


class Second(Base):
    @saga(version=2)
    async def sell(self, s: Saga, order: str) -> str:
        return await s.step("sell", self.act, "sell")


class Swapped(Base):
    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("charge", self.act, "charge")
        await s.step("reserve", self.act, "reserve")
        await s.sleep("cool", 60)
        return await s.step("ship", self.act, "ship")


class Inserted(Base):
    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve", undo=lambda _: self.act("release"))
        await s.step("wrap", self.act, "wrap")
        await s.step("charge", self.act, "charge")
        await s.sleep("cool", 60)
        return await s.step("ship", self.act, "ship")


class Removed(Base):
    @saga
    async def sell(self, s: Saga, order: str) -> str:
        return await s.step("reserve", self.act, "reserve")


class OtherArguments(Base):
    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve")
        await s.step("charge", self.act, "charge twice")
        await s.sleep("cool", 60)
        return await s.step("ship", self.act, "ship")


class Longer(First):
    @saga
    async def sell(self, s: Saga, order: str) -> str:
        await s.step("reserve", self.act, "reserve", undo=lambda _: self.act("release"))
        await s.step("charge", self.act, "charge")
        await s.sleep("cool", 60)
        await s.step("wrap", self.act, "wrap")
        return await s.step("ship", self.act, "ship")


async def begun(shop: Lives) -> None:
    """A saga of the first code, which rests behind its second step, while all of its service is replaced."""
    service = await shop.begin(First)
    await start(shop, service.sell)
    await shop.resting()
    await shop.end()


async def test_a_saga_finishes_on_the_code_it_began_with_and_new_ones_take_the_new(shop: Lives) -> None:
    await begun(shop)
    service = await shop.begin(Both)
    await start(shop, service.sell, "s2")
    shop.clock.advance(60)
    assert [(await shop.ended(each)).result for each in ("s1", "s2")] == ['"ship"', '"sell"']
    assert [(await shop.row(each)).version for each in ("s1", "s2")] == [1, 2]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (Swapped, "step 'reserve' was number 1 in its code, which is step 'charge' now"),
        (Inserted, "step 'charge' was number 2 in its code, which is step 'wrap' now"),
        (Removed, "step 'charge' is in its journal, and its code no longer comes to it"),
        (OtherArguments, "step 'charge' was called with other arguments than now"),
    ],
)
async def test_code_that_does_not_fit_the_journal_parks_the_saga_and_says_what_changed(
    shop: Lives, code: type[Base], told: str
) -> None:
    await begun(shop)
    await shop.begin(code)
    shop.clock.advance(60)
    row = await shop.ended()
    assert (row.status, shop.world.done) == ("parked", ["reserve", "charge"])
    assert told in problem_of(row)
    assert "finish it with the code it began with" in problem_of(row)


async def test_a_parked_saga_finishes_once_the_code_it_began_with_is_back(shop: Lives) -> None:
    await begun(shop)
    await shop.begin(Swapped)
    shop.clock.advance(60)
    await shop.ended()
    await shop.end()
    await shop.begin(First)
    await shop.engine.decisions.retry("s1", decision="d1", who="ada")
    assert (await shop.until(lambda row: row.status == "completed")).result == '"ship"'
    assert shop.world.done == ["reserve", "charge", "ship"]


async def test_what_changed_beyond_the_point_a_saga_has_reached_does_not_matter(shop: Lives) -> None:
    await begun(shop)
    await shop.begin(Longer)
    shop.clock.advance(60)
    assert (await shop.ended()).result == '"ship"'
    assert shop.world.done == ["reserve", "charge", "wrap", "ship"]


async def test_a_saga_whose_version_is_not_here_is_left_to_other_replicas_for_some_time(shop: Lives) -> None:
    await begun(shop)
    await shop.begin(Second, opened=False)
    shop.clock.advance(60)
    await shop.engine.open()
    assert (await shop.row()).wake_at is not None
    await shop.begin(First, owner="shop/1")
    assert (await shop.ended()).result == '"ship"'


async def test_a_saga_whose_version_is_nowhere_is_parked_and_says_so(shop: Lives) -> None:
    await begun(shop)
    await shop.begin(Second, opened=False)
    shop.clock.advance(200)
    await shop.engine.open()
    row = await shop.ended()
    assert row.status == "parked"
    assert "began with version 1 of its code, and there is version 2 here" in problem_of(row)
    with pytest.raises(NotDecidable, match="version 1, is not here"):
        await shop.engine.decisions.retry("s1", decision="d1", who="ada")


async def test_two_sagas_of_one_name_and_version_are_a_mistake_that_is_told(shop: Lives) -> None:
    class Twice(First):
        @saga(name="sell")
        async def sell_again(self, s: Saga, order: str) -> str:
            return ""

    await shop.begin(First)
    with pytest.raises(DeclarationError, match="two sagas sell of version 1"):
        SagaEngine(shop.db, owner="shop/1").bind(Twice(World()))
