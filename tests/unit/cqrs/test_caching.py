"""An answer is kept until something has happened that changes it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from atoll.contracts import Event
from atoll.core.machine import RealMachine, current_machine
from atoll.cqrs import QueryBus, QueryCache, etag_of, handles
from tests.unit.cqrs.shelf import Clerk, Left, Shelf


class Moved(Event):
    sku: str


def made(**options: Any) -> tuple[Shelf, QueryBus, QueryCache]:
    shelf = Shelf()
    shelf.stock["b"] = 1
    queries: Any = {Left: lambda query: [query.sku]}
    cache = QueryCache(queries, {Moved: lambda event: [event.sku]}, **options)
    return shelf, QueryBus([Clerk(shelf)], middleware=[cache]), cache


async def test_the_same_question_is_answered_from_memory() -> None:
    shelf, bus, _ = made()
    assert [await bus.execute(Left(sku="a")) for _ in range(3)] == [5, 5, 5]
    assert shelf.asked == 1


async def test_an_event_takes_away_what_it_changes_and_nothing_else() -> None:
    shelf, bus, cache = made()
    for sku in "ab":
        await bus.execute(Left(sku=sku))
    shelf.stock["a"] = 4
    cache.heard(Moved(sku="a"))
    assert [await bus.execute(Left(sku=sku)) for sku in "ab"] == [4, 1]
    assert shelf.asked == 3


async def test_an_answer_that_an_event_overtook_is_not_kept() -> None:
    shelf, _, cache = made()
    going = asyncio.Event()

    @handles()
    async def slow(query: Left) -> int:
        found = shelf.stock[query.sku]
        await going.wait()
        return found

    bus = QueryBus([slow], middleware=[cache])
    early = asyncio.ensure_future(bus.execute(Left(sku="a")))
    await asyncio.sleep(0)
    shelf.stock["a"] = 4
    cache.heard(Moved(sku="a"))
    going.set()
    assert (await early, await bus.execute(Left(sku="a"))) == (5, 4)


async def test_no_more_than_so_many_are_kept_and_the_least_used_goes_first() -> None:
    shelf, bus, _ = made(size=1)
    for sku in "aba":
        await bus.execute(Left(sku=sku))
    assert shelf.asked == 3


class Later(RealMachine):
    def monotonic(self) -> float:
        return super().monotonic() + 61.0


async def test_an_answer_grows_too_old() -> None:
    shelf, bus, _ = made()
    await bus.execute(Left(sku="a"))
    token = current_machine.set(Later())
    await bus.execute(Left(sku="a"))
    current_machine.reset(token)
    assert shelf.asked == 2


async def test_everything_can_be_taken_away() -> None:
    shelf, bus, cache = made()
    await bus.execute(Left(sku="a"))
    cache.clear()
    await bus.execute(Left(sku="a"))
    assert shelf.asked == 2


async def test_a_query_that_is_not_named_is_not_kept() -> None:
    shelf = Shelf()
    bus = QueryBus([Clerk(shelf)], middleware=[QueryCache({}, {})])
    for _ in range(2):
        await bus.execute(Left(sku="a"))
    assert shelf.asked == 2


@pytest.mark.parametrize(("other", "same"), [({"a": 1}, True), ({"a": 2}, False)])
def test_equal_results_have_equal_tags(other: dict[str, int], same: bool) -> None:
    assert (etag_of({"a": 1}) == etag_of(other)) is same
