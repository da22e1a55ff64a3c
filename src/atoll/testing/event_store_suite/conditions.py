"""The part of the suite on appends under a condition."""

from __future__ import annotations

import asyncio

import pytest

from atoll.eventstore import EVERYTHING, Condition, ConditionFailed, EventStore, Query
from atoll.testing.checks import equal
from atoll.testing.event_store_suite.events import event, events, feed
from atoll.testing.event_store_suite.fixtures import Connect, EventStoreFixtures


class ConditionSuite(EventStoreFixtures):
    """An append under a condition is refused once something that matches was added."""

    async def test_a_condition_holds_while_nothing_that_matches_is_added(self, store: EventStore) -> None:
        await store.append("s", [event("enrolled", "course:1", "student:1")])
        selection = await store.select(Query.of(tags=["course:1"]))
        equal(len(selection.events), 1)
        await store.append("s", [event("enrolled", "course:2")])
        await store.append("s", [event("enrolled", "course:1")], condition=selection.unchanged)
        equal((await store.info("s")).version, 3)

    async def test_a_condition_fails_once_something_that_matches_is_added(self, store: EventStore) -> None:
        selection = await store.select(Query.of(tags=["course:1"]))
        await store.append("s", [event("enrolled", "course:1", "student:2")])
        with pytest.raises(ConditionFailed) as caught:
            await store.append("t", [event("enrolled", "course:1")], condition=selection.unchanged)
        equal(caught.value.unseen, 1)
        equal((await store.info("t")).version, 0)

    async def test_a_condition_on_types_and_on_several_criteria_holds(self, store: EventStore) -> None:
        query = Query.of(types=["left"], tags=["course:1"]) | Query.of(types=["closed"])
        selection = await store.select(query)
        await store.append("s", [event("enrolled", "course:1"), event("left", "course:2")])
        await store.append("s", [event("enrolled")], condition=selection.unchanged)
        await store.append("s", [event("closed")])
        with pytest.raises(ConditionFailed):
            await store.append("s", [event("enrolled")], condition=selection.unchanged)

    async def test_a_condition_on_everything_fails_for_whatever_is_added(self, store: EventStore) -> None:
        selection = await store.select(EVERYTHING)
        await store.append("s", events(2), condition=selection.unchanged)
        with pytest.raises(ConditionFailed) as caught:
            await store.append("s", events(1), condition=selection.unchanged)
        equal(caught.value.unseen, 2)

    async def test_of_those_who_decide_on_the_same_one_succeeds(self, opened: Connect) -> None:
        stores = [await opened(), await opened()]
        selection = await stores[0].select(Query.of(tags=["seat:1"]))
        outcomes = await asyncio.gather(
            *(
                stores[number % 2].append(f"s{number}", [event("taken", "seat:1")], condition=selection.unchanged)
                for number in range(10)
            ),
            return_exceptions=True,
        )
        equal(sum(isinstance(each, ConditionFailed) for each in outcomes), 9)
        equal(len((await stores[0].select(Query.of(tags=["seat:1"]))).events), 1)

    async def test_a_repetition_does_not_fail_its_own_condition(self, store: EventStore) -> None:
        selection = await store.select(Query.of(tags=["seat:1"]))
        sent = [event("taken", "seat:1")]
        await store.append("s", sent, condition=selection.unchanged)
        equal((await store.append("s", sent, condition=selection.unchanged)).repeated, True)

    async def test_a_condition_made_by_hand_begins_at_a_position_of_the_feed(self, store: EventStore) -> None:
        await store.append("s", [event("taken", "seat:1")])
        (seen,) = await feed(store, 1)
        condition = Condition(Query.of(tags=["seat:1"]), after=seen.position)
        await store.append("s", [event("left", "seat:1")], condition=condition)
        with pytest.raises(ConditionFailed):
            await store.append("s", [event("taken", "seat:1")], condition=condition)
