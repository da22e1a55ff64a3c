"""The part of the suite on the feed of all streams, read, followed and of one tenant."""

from __future__ import annotations

import asyncio

from atoll.eventstore import START, EventStore, NewEvent, Position, Query
from atoll.testing.checks import DEADLINE, equal
from atoll.testing.event_store_suite.events import event, events, feed, ids, kinds, take
from atoll.testing.event_store_suite.fixtures import Connect, EventStoreFixtures


class FeedSuite(EventStoreFixtures):
    """The feed shows every event once, in one order, to whoever reads or follows it."""

    async def test_the_feed_shows_all_events_in_the_order_of_positions(self, store: EventStore) -> None:
        appended = [await store.append(f"s{number % 3}", events(2)) for number in range(9)]
        found = await feed(store, 18)
        equal([each.position for each in found], sorted(each.position for each in found))
        equal([each.position for each in found][1::2], [each.position for each in appended])
        equal(await store.end(), appended[-1].position)

    async def test_the_feed_goes_on_after_a_position(self, store: EventStore) -> None:
        sent = events(7)
        await store.append("s", sent)
        await feed(store, 7)
        first = await store.read_all(limit=3)
        second = await store.read_all(limit=3, after=first[-1].position)
        third = await store.read_all(limit=3, after=second[-1].position)
        equal(ids([*first, *second, *third]), ids(sent))
        equal(await store.read_all(after=third[-1].position), [])

    async def test_the_feed_is_empty_before_the_first_event(self, store: EventStore) -> None:
        equal(await store.read_all(), [])
        equal(await store.end(), START)
        equal(await store.blockers(), [])

    async def test_the_feed_is_searched_by_type(self, store: EventStore) -> None:
        await store.append("s", [event("a"), event("b"), event("c"), event("a")])
        await feed(store, 4)
        equal(kinds(await store.read_all(query=Query.of(types=["a", "c"]))), ["a", "c", "a"])
        equal(kinds(await store.read_all(query=Query.of(types=["a", "c"]), limit=2)), ["a", "c"])
        equal(kinds(await store.read_all(query=Query.of(types=["x"]))), [])

    async def test_the_feed_is_searched_by_all_of_some_tags(self, store: EventStore) -> None:
        await store.append(
            "s", [event("a", "x"), event("b", "x", "y"), event("c", "y"), event("d"), event("e", "y", "x")]
        )
        await feed(store, 5)
        equal(kinds(await store.read_all(query=Query.of(tags=["x"]))), ["a", "b", "e"])
        equal(kinds(await store.read_all(query=Query.of(tags=["x", "y"]))), ["b", "e"])
        equal(kinds(await store.read_all(query=Query.of(tags=["x", "y"], types=["e", "c"]))), ["e"])
        equal(kinds(await store.read_all(query=Query.of(tags=["x"]) | Query.of(types=["d"]))), ["a", "b", "d", "e"])
        equal(kinds(await store.read_all(query=Query.of(tags=["x"]) | Query.of(tags=["y"]), limit=3)), ["a", "b", "c"])

    async def test_a_position_survives_as_text_and_as_json(self, store: EventStore) -> None:
        position = (await store.append("s", events(1))).position
        equal(Position.parse(str(position)), position)
        equal(position > START, True)

    async def test_a_follower_gets_what_was_there_and_then_what_comes(self, store: EventStore) -> None:
        before, after = events(5), events(5)
        await store.append("s", before)
        following = asyncio.create_task(take(store, 10))
        for each in after:
            await asyncio.sleep(0)
            await store.append("t", [each])
        equal(ids(await following), ids([*before, *after]))

    async def test_a_follower_hears_of_another_connection(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        following = asyncio.create_task(take(one, 2))
        sent = events(2)
        for each in sent:
            await other.append("s", [each])
        equal(ids(await following), ids(sent))

    async def test_a_follower_goes_on_where_another_stood(self, store: EventStore) -> None:
        sent = events(6)
        await store.append("s", sent)
        first = await take(store, 2)
        equal(ids(await take(store, 4, after=first[-1].position)), ids(sent[2:]))

    async def test_a_follower_of_some_moves_on_past_the_others(self, store: EventStore) -> None:
        await store.append("s", [event("a"), event("b"), event("a"), event("b")])
        await feed(store, 4)
        subscription = store.subscribe(query=Query.of(types=["a"]))
        async with asyncio.timeout(DEADLINE):
            async for batch in subscription.batches():
                equal(kinds(batch), ["a", "a"])
                break
        equal(await store.read_all(after=subscription.position), [])
        equal(subscription.live, True)

    async def test_a_follower_in_small_pages_misses_nothing_while_others_write(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        sent = [events(2) for _ in range(60)]

        async def write(store: EventStore, mine: list[list[NewEvent]]) -> None:
            for number, each in enumerate(mine):
                await store.append(f"s{number % 7}", each)

        following = asyncio.create_task(take(one, 120, page=7))
        await asyncio.gather(write(one, sent[0::3]), write(other, sent[1::3]), write(other, sent[2::3]))
        found = await following
        equal(sorted(ids(found)), sorted(each.id for batch in sent for each in batch))
        equal([each.position for each in found], sorted(each.position for each in found))

    async def test_tenants_do_not_see_each_other(self, store: EventStore) -> None:
        red, blue = store.of("red"), store.of("blue")
        mine, other = event("a", "x"), event("a", "x")
        await red.append("s", [mine], expected=0)
        await blue.append("s", [other], expected=0)
        equal(ids(await red.read("s")), [mine.id])
        await feed(store, 2, every_tenant=True)
        equal(ids(await red.read_all()), [mine.id])
        equal(ids((await blue.select(Query.of(tags=["x"]))).events), [other.id])
        equal(await store.read_all(), [])
        equal([each.tenant for each in await store.read_all(every_tenant=True)], ["red", "blue"])

    async def test_a_condition_is_one_tenants(self, store: EventStore) -> None:
        red, blue = store.of("red"), store.of("blue")
        selection = await red.select(Query.of(tags=["x"]))
        await blue.append("s", [event("a", "x")])
        await red.append("s", [event("a", "x")], condition=selection.unchanged)
