"""The conformance suite of the event store: what an event log must make true of `EventStore`.

An adapter shows that it is one by passing it, under pytest with pytest-asyncio in its auto mode::

    class TestMyEventLog(EventStoreSuite):
        FEATURES = EventStoreSuite.ALL - {"unit of work"}

        @pytest.fixture
        def connect(self) -> Connect:
            async def connect() -> EventStore: ...
            return connect

`connect` opens one store, empty when the test began, each time as another replica of a service would; the suite closes
what it opened. An adapter with the feature "unit of work" overrides `connect_within` too, which opens the database and
the store over it. A test of a feature that is not declared is skipped by the feature's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final

import pytest

from atoll.eventstore import (
    ANY,
    EVERYTHING,
    NO_STREAM,
    START,
    STREAM_EXISTS,
    ConcurrencyConflict,
    Condition,
    ConditionFailed,
    EventRefused,
    EventStore,
    EventTooLarge,
    Expected,
    NewEvent,
    PartialRepeat,
    Position,
    Query,
    RecordedEvent,
    StreamAppend,
    StreamDeleted,
    StreamInfo,
    UnserializableEvent,
)
from atoll.storage import Database

DEADLINE: Final = 30.0

Connect = Callable[[], Awaitable[EventStore]]
ConnectWithin = Callable[[], Awaitable[tuple[Database, EventStore]]]


def event(kind: str = "happened", *tags: str, data: bytes = b"{}") -> NewEvent:
    """Return an event unlike all others."""
    return NewEvent(type=kind, tags=tags, data=data)


def events(count: int) -> list[NewEvent]:
    """Return events unlike all others, of the types e0, e1, …"""
    return [event(f"e{number}") for number in range(count)]


def ids(these: Sequence[NewEvent | RecordedEvent]) -> list[str]:
    """Return the ids of events, in order."""
    return [each.id for each in these]


async def take(store: EventStore, count: int, **where: Any) -> list[RecordedEvent]:
    """Follow the feed until `count` events have come."""
    found: list[RecordedEvent] = []
    async with asyncio.timeout(DEADLINE):
        async for each in store.subscribe(**where):
            found.append(each)
            if len(found) >= count:
                break
    return found


async def feed(store: EventStore, count: int, **where: Any) -> list[RecordedEvent]:
    """Read the feed, again until it shows `count` events: other work of the server may hold it back."""
    async with asyncio.timeout(DEADLINE):
        while True:
            if len(found := await store.read_all(**where)) >= count:
                return found
            await asyncio.sleep(0.005)


class EventStoreSuite:
    """What every adapter of the event log must make true. See the module for how to use it."""

    ALL: ClassVar[frozenset[str]] = frozenset({"unit of work"})
    FEATURES: ClassVar[frozenset[str]] = ALL

    @pytest.fixture
    def connect(self) -> Connect:
        """Override: return a function that opens the test's store."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    def connect_within(self) -> ConnectWithin:
        """Override, with the feature "unit of work": return a function that opens a database and the store over it."""
        self.needs("unit of work")
        raise NotImplementedError("override the fixture `connect_within`")

    @pytest.fixture
    async def opened(self, connect: Connect) -> AsyncIterator[Connect]:
        """Connect, and close at the end of the test."""
        stores: list[EventStore] = []

        async def opened() -> EventStore:
            stores.append(await connect())
            return stores[-1]

        yield opened
        for each in stores:
            await each.close()

    @pytest.fixture
    async def store(self, opened: Connect) -> EventStore:
        """One connection."""
        return await opened()

    @pytest.fixture
    async def within(self, connect_within: ConnectWithin) -> AsyncIterator[tuple[Database, EventStore]]:
        """A database, and the store over it."""
        db, store = await connect_within()
        yield db, store
        await store.close()
        await db.close()

    def needs(self, feature: str) -> None:
        """Skip the test, naming `feature`, when the adapter does not declare it."""
        if feature not in self.FEATURES:
            pytest.skip(f"{type(self).__name__} does not declare {feature!r}")

    # Appending and reading

    async def test_an_event_is_read_as_it_was_appended(self, store: EventStore) -> None:
        sent = NewEvent(
            type="shop.Happened.v1",
            data=b'{"a": "\xc3\xa4"}\x00\xff',
            id="Straße 1",
            tags=("b:2", "a:1"),
            metadata={"by": "ä\0", "n": [1, {"x": None}]},
            correlation="c",
            causation="d",
        )
        appended = await store.append("s", [sent])
        (found,) = await store.read("s")
        same(
            (found.type, found.data, found.id, found.tags, found.metadata),
            (sent.type, sent.data, sent.id, sent.tags, sent.metadata),
        )
        same((found.correlation, found.causation, found.stream, found.tenant), ("c", "d", "s", ""))
        same((found.version, found.position), (appended.version, appended.position))
        same(found.time > 1e9, True)

    async def test_versions_count_the_events_of_a_stream_from_1(self, store: EventStore) -> None:
        first = await store.append("s", events(3))
        second = await store.append("s", events(2))
        same((first.version, second.version), (3, 5))
        same([each.version for each in await store.read("s")], [1, 2, 3, 4, 5])
        same((await store.info("s")).version, 5)

    async def test_a_stream_without_events_reads_as_nothing(self, store: EventStore) -> None:
        same(await store.read("s"), [])
        same(await store.info("s"), StreamInfo(version=0))

    async def test_a_stream_is_read_from_a_version_on_and_up_to_a_limit(self, store: EventStore) -> None:
        await store.append("s", events(6))
        same(versions(await store.read("s", start=3)), [3, 4, 5, 6])
        same(versions(await store.read("s", start=3, limit=2)), [3, 4])
        same(versions(await store.read("s", start=7)), [])

    async def test_a_stream_is_read_backward(self, store: EventStore) -> None:
        await store.append("s", events(6))
        same(versions(await store.read("s", backward=True)), [6, 5, 4, 3, 2, 1])
        same(versions(await store.read("s", backward=True, limit=2)), [6, 5])
        same(versions(await store.read("s", start=3, backward=True)), [3, 2, 1])

    async def test_a_long_stream_is_read_whole(self, store: EventStore) -> None:
        await store.append("s", events(1500))
        await store.append("s", events(1000))
        same(versions(await store.read("s")), list(range(1, 2501)))

    async def test_streams_do_not_see_each_other(self, store: EventStore) -> None:
        mine, other = event(), event()
        await store.append("s", [mine])
        await store.append("S", [other])
        same(ids(await store.read("s")), [mine.id])
        same(ids(await store.read("S")), [other.id])

    async def test_what_one_connection_appends_another_reads(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        appended = await one.append("s", events(2))
        same(versions(await other.read("s")), [1, 2])
        same((await other.append("s", events(1), expected=appended.version)).version, 3)
        same((await one.append("s", events(1), expected=3)).version, 4)

    # Expectations

    @pytest.mark.parametrize("expected", [NO_STREAM, 0, ANY])
    async def test_a_stream_without_events_is_begun(self, store: EventStore, expected: Expected) -> None:
        same((await store.append("s", events(2), expected=expected)).version, 2)

    @pytest.mark.parametrize("expected", [1, 7, STREAM_EXISTS])
    async def test_a_stream_without_events_is_not_one_that_has_some(
        self, store: EventStore, expected: Expected
    ) -> None:
        await self._refused(store, events(1), expected, actual=0)

    @pytest.mark.parametrize("expected", [3, ANY, STREAM_EXISTS])
    async def test_a_stream_as_expected_is_appended_to(self, store: EventStore, expected: Expected) -> None:
        await store.append("s", events(3))
        same((await store.append("s", events(1), expected=expected)).version, 4)

    @pytest.mark.parametrize("expected", [NO_STREAM, 1, 2, 4, 99])
    async def test_a_stream_that_is_not_as_expected_stays_as_it_is(self, store: EventStore, expected: Expected) -> None:
        await store.append("s", events(3))
        await self._refused(store, events(2), expected, actual=3)

    async def test_of_writers_who_expect_the_same_version_one_succeeds(self, opened: Connect) -> None:
        stores = [await opened(), await opened()]
        writers = [stores[number % 2].append("s", events(1), expected=0) for number in range(16)]
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
        same(sum(isinstance(each, ConcurrencyConflict) for each in outcomes), 15)
        same(versions(await stores[0].read("s")), [1])

    async def test_writers_who_expect_nothing_all_succeed(self, opened: Connect) -> None:
        stores = [await opened(), await opened()]
        sent = [events(3) for _ in range(20)]
        await asyncio.gather(*(stores[number % 2].append("s", each) for number, each in enumerate(sent)))
        found = await stores[0].read("s")
        same(versions(found), list(range(1, 61)))
        same(sorted(ids(found)), sorted(each.id for batch in sent for each in batch))

    async def test_a_conflict_among_appends_that_share_a_commit_is_its_own(self, store: EventStore) -> None:
        await store.append("s", events(1))
        outcomes = await asyncio.gather(
            store.append("a", events(1)),
            store.append("s", events(1), expected=9),
            store.append("b", events(1)),
            return_exceptions=True,
        )
        same([type(each).__name__ for each in outcomes], ["Appended", "ConcurrencyConflict", "Appended"])
        same([(await store.info(each)).version for each in "asb"], [1, 1, 1])

    # Repetition: the table of EventStore.append

    async def test_all_again_with_the_version_of_the_first_time_changes_nothing(self, store: EventStore) -> None:
        await self._repeated(store, [0, 1, 2], NO_STREAM, version=3)

    async def test_the_first_again_with_the_version_of_the_first_time_changes_nothing(self, store: EventStore) -> None:
        await self._repeated(store, [0], NO_STREAM, version=1)

    async def test_the_last_again_with_the_version_before_them_changes_nothing(self, store: EventStore) -> None:
        await self._repeated(store, [1, 2], 1, version=3)

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS])
    @pytest.mark.parametrize("again", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]])
    async def test_any_of_them_again_with_any_version_changes_nothing(
        self, store: EventStore, again: list[int], expected: Expected
    ) -> None:
        await self._repeated(store, again, expected, version=again[-1] + 1)

    async def test_repeating_twice_changes_nothing(self, store: EventStore) -> None:
        sent = events(3)
        await store.append("s", sent, expected=0)
        for expected in (ANY, ANY, 0, 0):
            same((await store.append("s", sent, expected=expected)).repeated, True)
        same(ids(await store.read("s")), ids(sent))

    async def test_an_event_again_at_the_version_of_the_stream_is_appended_as_new(self, store: EventStore) -> None:
        sent = events(3)
        await store.append("s", sent)
        again = await store.append("s", [sent[0]], expected=3)
        same((again.version, again.repeated), (4, False))
        same(ids(await store.read("s")), [*ids(sent), sent[0].id])

    @pytest.mark.parametrize("expected", [4, 99])
    async def test_an_event_again_beyond_the_version_of_the_stream_conflicts(
        self, store: EventStore, expected: Expected
    ) -> None:
        sent = events(3)
        await store.append("s", sent)
        await self._refused(store, [sent[0]], expected, actual=3)

    @pytest.mark.parametrize("expected", [1, 2])
    async def test_an_event_again_at_a_version_that_was_not_its_own_conflicts(
        self, store: EventStore, expected: Expected
    ) -> None:
        sent = events(3)
        await store.append("s", sent)
        await self._refused(store, [sent[0]], expected, actual=3)

    @pytest.mark.parametrize("expected", [NO_STREAM, ANY, STREAM_EXISTS])
    async def test_more_than_was_appended_is_no_repetition(self, store: EventStore, expected: Expected) -> None:
        sent = events(3)
        await store.append("s", sent)
        await self._refused(store, [*sent, event()], expected, actual=3, kind=PartialRepeat)

    async def test_a_new_event_before_a_known_one_is_no_repetition(self, store: EventStore) -> None:
        sent = events(3)
        await store.append("s", sent)
        await self._refused(store, [event(), sent[0]], ANY, actual=3, kind=PartialRepeat)
        await self._refused(store, [event(), sent[0]], NO_STREAM, actual=3)

    async def test_an_event_of_another_stream_is_no_repetition(self, store: EventStore) -> None:
        sent = events(1)
        await store.append("s", sent)
        same((await store.append("t", sent)).repeated, False)

    async def test_a_repetition_gets_the_answer_of_the_first_time(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        sent = events(2)
        first = await one.append("s", sent, expected=0)
        await one.append("s", events(1))
        again = await other.append("s", sent, expected=0)
        same((again.version, again.position, again.repeated), (first.version, first.position, True))

    async def test_one_append_made_twice_at_once_is_made_once(self, opened: Connect) -> None:
        stores = [await opened(), await opened()]
        sent = events(2)
        outcomes = await asyncio.gather(*(stores[number % 2].append("s", sent) for number in range(10)))
        same(len({each.position for each in outcomes}), 1)
        same(ids(await stores[0].read("s")), ids(sent))

    # Several streams at once

    async def test_several_streams_are_appended_to_together(self, store: EventStore) -> None:
        one, two = events(2), events(1)
        appended = await store.append_many([StreamAppend("b", tuple(one), 0), StreamAppend("a", tuple(two), 0)])
        same([(each.stream, each.version) for each in appended], [("b", 2), ("a", 1)])
        same(ids(await feed(store, 3)), ids([*one, *two]))

    async def test_when_one_stream_conflicts_none_is_written(self, store: EventStore) -> None:
        await store.append("b", events(1))
        with pytest.raises(ConcurrencyConflict) as caught:
            await store.append_many([StreamAppend("a", tuple(events(1))), StreamAppend("b", tuple(events(1)), 0)])
        same((caught.value.stream, caught.value.expected, caught.value.actual), ("b", 0, 1))
        same((await store.info("a")).version, 0)

    async def test_several_streams_again_change_nothing(self, store: EventStore) -> None:
        parts = [StreamAppend("a", tuple(events(2)), 0), StreamAppend("b", tuple(events(1)))]
        await store.append_many(parts)
        again = await store.append_many(parts)
        same([(each.version, each.repeated) for each in again], [(2, True), (1, True)])

    async def test_a_repetition_with_a_further_stream_is_none(self, store: EventStore) -> None:
        part = StreamAppend("a", tuple(events(2)), 0)
        await store.append_many([part])
        with pytest.raises(PartialRepeat):
            await store.append_many([part, StreamAppend("b", tuple(events(1)))])
        same((await store.info("b")).version, 0)

    # Conditions

    async def test_a_condition_holds_while_nothing_that_matches_is_added(self, store: EventStore) -> None:
        await store.append("s", [event("enrolled", "course:1", "student:1")])
        selection = await store.select(Query.of(tags=["course:1"]))
        same(len(selection.events), 1)
        await store.append("s", [event("enrolled", "course:2")])
        await store.append("s", [event("enrolled", "course:1")], condition=selection.unchanged)
        same((await store.info("s")).version, 3)

    async def test_a_condition_fails_once_something_that_matches_is_added(self, store: EventStore) -> None:
        selection = await store.select(Query.of(tags=["course:1"]))
        await store.append("s", [event("enrolled", "course:1", "student:2")])
        with pytest.raises(ConditionFailed) as caught:
            await store.append("t", [event("enrolled", "course:1")], condition=selection.unchanged)
        same(caught.value.unseen, 1)
        same((await store.info("t")).version, 0)

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
        same(caught.value.unseen, 2)

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
        same(sum(isinstance(each, ConditionFailed) for each in outcomes), 9)
        same(len((await stores[0].select(Query.of(tags=["seat:1"]))).events), 1)

    async def test_a_repetition_does_not_fail_its_own_condition(self, store: EventStore) -> None:
        selection = await store.select(Query.of(tags=["seat:1"]))
        sent = [event("taken", "seat:1")]
        await store.append("s", sent, condition=selection.unchanged)
        same((await store.append("s", sent, condition=selection.unchanged)).repeated, True)

    async def test_a_condition_made_by_hand_begins_at_a_position_of_the_feed(self, store: EventStore) -> None:
        await store.append("s", [event("taken", "seat:1")])
        (seen,) = await feed(store, 1)
        condition = Condition(Query.of(tags=["seat:1"]), after=seen.position)
        await store.append("s", [event("left", "seat:1")], condition=condition)
        with pytest.raises(ConditionFailed):
            await store.append("s", [event("taken", "seat:1")], condition=condition)

    # The feed

    async def test_the_feed_shows_all_events_in_the_order_of_positions(self, store: EventStore) -> None:
        appended = [await store.append(f"s{number % 3}", events(2)) for number in range(9)]
        found = await feed(store, 18)
        same([each.position for each in found], sorted(each.position for each in found))
        same([each.position for each in found][1::2], [each.position for each in appended])
        same(await store.end(), appended[-1].position)

    async def test_the_feed_goes_on_after_a_position(self, store: EventStore) -> None:
        sent = events(7)
        await store.append("s", sent)
        await feed(store, 7)
        first = await store.read_all(limit=3)
        second = await store.read_all(limit=3, after=first[-1].position)
        third = await store.read_all(limit=3, after=second[-1].position)
        same(ids([*first, *second, *third]), ids(sent))
        same(await store.read_all(after=third[-1].position), [])

    async def test_the_feed_is_empty_before_the_first_event(self, store: EventStore) -> None:
        same(await store.read_all(), [])
        same(await store.end(), START)
        same(await store.blockers(), [])

    async def test_the_feed_is_searched_by_type(self, store: EventStore) -> None:
        await store.append("s", [event("a"), event("b"), event("c"), event("a")])
        await feed(store, 4)
        same(kinds(await store.read_all(query=Query.of(types=["a", "c"]))), ["a", "c", "a"])
        same(kinds(await store.read_all(query=Query.of(types=["a", "c"]), limit=2)), ["a", "c"])
        same(kinds(await store.read_all(query=Query.of(types=["x"]))), [])

    async def test_the_feed_is_searched_by_all_of_some_tags(self, store: EventStore) -> None:
        await store.append(
            "s", [event("a", "x"), event("b", "x", "y"), event("c", "y"), event("d"), event("e", "y", "x")]
        )
        await feed(store, 5)
        same(kinds(await store.read_all(query=Query.of(tags=["x"]))), ["a", "b", "e"])
        same(kinds(await store.read_all(query=Query.of(tags=["x", "y"]))), ["b", "e"])
        same(kinds(await store.read_all(query=Query.of(tags=["x", "y"], types=["e", "c"]))), ["e"])
        same(kinds(await store.read_all(query=Query.of(tags=["x"]) | Query.of(types=["d"]))), ["a", "b", "d", "e"])
        same(kinds(await store.read_all(query=Query.of(tags=["x"]) | Query.of(tags=["y"]), limit=3)), ["a", "b", "c"])

    async def test_a_position_survives_as_text_and_as_json(self, store: EventStore) -> None:
        position = (await store.append("s", events(1))).position
        same(Position.parse(str(position)), position)
        same(position > START, True)

    # Following

    async def test_a_follower_gets_what_was_there_and_then_what_comes(self, store: EventStore) -> None:
        before, after = events(5), events(5)
        await store.append("s", before)
        following = asyncio.create_task(take(store, 10))
        for each in after:
            await asyncio.sleep(0)
            await store.append("t", [each])
        same(ids(await following), ids([*before, *after]))

    async def test_a_follower_hears_of_another_connection(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        following = asyncio.create_task(take(one, 2))
        sent = events(2)
        for each in sent:
            await other.append("s", [each])
        same(ids(await following), ids(sent))

    async def test_a_follower_goes_on_where_another_stood(self, store: EventStore) -> None:
        sent = events(6)
        await store.append("s", sent)
        first = await take(store, 2)
        same(ids(await take(store, 4, after=first[-1].position)), ids(sent[2:]))

    async def test_a_follower_of_some_moves_on_past_the_others(self, store: EventStore) -> None:
        await store.append("s", [event("a"), event("b"), event("a"), event("b")])
        await feed(store, 4)
        subscription = store.subscribe(query=Query.of(types=["a"]))
        async with asyncio.timeout(DEADLINE):
            async for batch in subscription.batches():
                same(kinds(batch), ["a", "a"])
                break
        same(await store.read_all(after=subscription.position), [])
        same(subscription.live, True)

    async def test_a_follower_in_small_pages_misses_nothing_while_others_write(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        sent = [events(2) for _ in range(60)]

        async def write(store: EventStore, mine: list[list[NewEvent]]) -> None:
            for number, each in enumerate(mine):
                await store.append(f"s{number % 7}", each)

        following = asyncio.create_task(take(one, 120, page=7))
        await asyncio.gather(write(one, sent[0::3]), write(other, sent[1::3]), write(other, sent[2::3]))
        found = await following
        same(sorted(ids(found)), sorted(each.id for batch in sent for each in batch))
        same([each.position for each in found], sorted(each.position for each in found))

    # Tenants

    async def test_tenants_do_not_see_each_other(self, store: EventStore) -> None:
        red, blue = store.of("red"), store.of("blue")
        mine, other = event("a", "x"), event("a", "x")
        await red.append("s", [mine], expected=0)
        await blue.append("s", [other], expected=0)
        same(ids(await red.read("s")), [mine.id])
        await feed(store, 2, every_tenant=True)
        same(ids(await red.read_all()), [mine.id])
        same(ids((await blue.select(Query.of(tags=["x"]))).events), [other.id])
        same(await store.read_all(), [])
        same([each.tenant for each in await store.read_all(every_tenant=True)], ["red", "blue"])

    async def test_a_condition_is_one_tenants(self, store: EventStore) -> None:
        red, blue = store.of("red"), store.of("blue")
        selection = await red.select(Query.of(tags=["x"]))
        await blue.append("s", [event("a", "x")])
        await red.append("s", [event("a", "x")], condition=selection.unchanged)

    # Metadata, truncation, deletion

    async def test_a_stream_has_metadata(self, store: EventStore) -> None:
        await store.append("s", events(1))
        await store.annotate("s", {"owner": "ä", "n": 1})
        same((await store.info("s")).metadata, {"owner": "ä", "n": 1})
        await store.annotate("s", {"n": 2})
        same(await store.info("s"), StreamInfo(version=1, metadata={"n": 2}))

    async def test_truncation_hides_the_beginning_of_a_stream(self, store: EventStore) -> None:
        await store.append("s", events(5))
        await store.truncate("s", before=4)
        same(versions(await store.read("s")), [4, 5])
        same(versions(await store.read("s", backward=True, start=4)), [4])
        same(await store.info("s"), StreamInfo(version=5, truncated_before=4))
        same((await store.append("s", events(1), expected=5)).version, 6)
        same(len(await feed(store, 6)), 6)

    async def test_a_deleted_stream_is_neither_read_nor_written(self, store: EventStore) -> None:
        await store.append("s", events(2))
        same((await store.delete("s", expected=2)).version, 3)
        for expected in (ANY, 3, NO_STREAM, STREAM_EXISTS):
            with pytest.raises(StreamDeleted):
                await store.append("s", events(1), expected=expected)
        with pytest.raises(StreamDeleted):
            await store.read("s")
        with pytest.raises(StreamDeleted):
            await store.delete("s")
        same((await store.info("s")).deleted, True)

    async def test_a_deletion_expects_as_an_append_does(self, store: EventStore) -> None:
        await store.append("s", events(2))
        with pytest.raises(ConcurrencyConflict):
            await store.delete("s", expected=1)
        same(versions(await store.read("s")), [1, 2])

    async def test_a_deletion_is_heard_by_a_connection_that_wrote_before(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        await one.append("s", events(1))
        await other.delete("s")
        for expected in (1, 2, ANY):
            with pytest.raises(StreamDeleted):
                await one.append("s", events(1), expected=expected)

    async def test_the_feed_shows_a_deletion(self, store: EventStore) -> None:
        await store.append("s", events(1))
        await store.delete("s")
        same(kinds(await feed(store, 2)), ["e0", "$deleted"])

    async def test_scavenging_removes_what_is_hidden_up_to_a_position(self, store: EventStore) -> None:
        await store.append("s", [event("a", "x"), event("b", "x"), event("c", "x"), event("d", "x")])
        await store.append("t", [event("e")])
        await store.delete("t")
        found = await feed(store, 6)
        await store.truncate("s", before=4)
        same(await store.scavenge(before=found[1].position), 2)
        same(kinds(await store.read_all()), ["c", "d", "e", "$deleted"])
        same(await store.scavenge(before=found[-1].position), 2)
        same(kinds(await store.read_all()), ["d", "$deleted"])
        same(kinds((await store.select(Query.of(tags=["x"]))).events), ["d"])
        same((await store.append("s", events(1), expected=4)).version, 5)

    async def test_scavenging_keeps_the_last_event_of_a_stream(self, store: EventStore) -> None:
        await store.append("s", events(3))
        await store.truncate("s", before=4)
        same(await store.scavenge(before=(await feed(store, 3))[-1].position), 2)
        same((await store.append("s", events(1), expected=3)).version, 4)

    # What cannot be stored

    @pytest.mark.parametrize("bad", ["", "x" * 501, "a\0b", "\ud800"])
    async def test_a_name_that_cannot_be_stored_is_refused(self, store: EventStore, bad: str) -> None:
        for stream, sent in (
            (bad, event()),
            ("s", NewEvent(type=bad)),
            ("s", NewEvent(type="a", id=bad)),
            ("s", event("a", bad)),
        ):
            with pytest.raises(EventRefused):
                await store.append(stream, [event(), sent])
        same(await store.end(), START)

    @pytest.mark.parametrize("bad", ["a\0b", "\ud800", "x" * 501])
    async def test_an_id_of_another_thing_that_cannot_be_stored_is_refused(self, store: EventStore, bad: str) -> None:
        for sent in (NewEvent(type="a", correlation=bad), NewEvent(type="a", causation=bad)):
            with pytest.raises(EventRefused):
                await store.append("s", [event(), sent])
        same(await store.end(), START)

    async def test_metadata_without_a_json_form_are_refused(self, store: EventStore) -> None:
        for bad in (object(), "\ud800", {1j: 2}):
            with pytest.raises(UnserializableEvent):
                await store.append("s", [event(), NewEvent(type="a", metadata={"x": bad})])
            with pytest.raises(UnserializableEvent):
                await store.annotate("s", {"x": bad})
        same(await store.end(), START)

    async def test_an_event_over_the_size_limit_is_refused(self, store: EventStore) -> None:
        with pytest.raises(EventTooLarge) as caught:
            await store.append("s", [event(), event(data=b"x" * 1_048_577)])
        same((caught.value.size, caught.value.limit), (1_048_577, 1_048_576))
        same(await store.end(), START)
        await store.append("s", [event(data=b"x" * 1_048_576)])
        same(len((await store.read("s"))[0].data), 1_048_576)

    async def test_an_append_without_events_is_refused(self, store: EventStore) -> None:
        for parts in ([], [StreamAppend("s", ())], [StreamAppend("s", (event(),)), StreamAppend("s", (event(),))]):
            with pytest.raises(EventRefused):
                await store.append_many(parts)

    async def test_two_events_with_one_id_or_a_type_of_the_stores_own_are_refused(self, store: EventStore) -> None:
        one = event()
        for bad in ([one, one], [event("$deleted")]):
            with pytest.raises(EventRefused):
                await store.append("s", bad)
        same(await store.end(), START)

    # Within a unit of work

    async def test_an_append_commits_with_the_rows_of_its_unit_of_work(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        await db.engine.script("CREATE TABLE things (id BIGINT PRIMARY KEY)")
        async with db.transaction():
            await db.execute("INSERT INTO things (id) VALUES (1)")
            appended = await store.append("s", events(2), expected=0)
            same(versions(await store.read("s")), [1, 2])
            same((await store.info("s")).version, 2)
            same(await store.read_all(), [])
        same((await feed(store, 2))[-1].position, appended.position)
        same(await db.fetch_value("SELECT count(*) FROM things"), 1)

    async def test_an_append_is_undone_with_its_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await store.append("s", events(2))
                raise ZeroDivisionError
        same(await store.read("s"), [])
        same((await store.append("s", events(1), expected=0)).version, 1)

    async def test_a_conflict_may_be_caught_in_a_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        await store.append("s", events(1))
        async with db.transaction():
            with pytest.raises(ConcurrencyConflict):
                await store.append("s", events(1), expected=0)
            await store.append("s", events(1), expected=1)
        same((await store.info("s")).version, 2)

    async def test_several_appends_of_one_unit_of_work_keep_their_order(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        sent = events(5)
        async with db.transaction():
            await store.append("b", sent[:2])
            await store.append("a", sent[2:3])
            await store.append("b", sent[3:], expected=2)
        same(ids(await feed(store, 5)), ids(sent))

    async def test_a_unit_of_work_selects_and_appends_under_a_condition(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        query = Query.of(tags=["seat:1"])
        async with db.transaction():
            first = await store.select(query)
            await store.append("s", [event("taken", "seat:1")], condition=first.unchanged)
            second = await store.select(query)
            same(len(second.events), 1)
            with pytest.raises(ConditionFailed):
                await store.append("t", [event("taken", "seat:1")], condition=first.unchanged)
            await store.append("t", [event("left", "seat:1")], condition=second.unchanged)
        same(len((await store.select(query)).events), 2)

    async def test_one_condition_is_met_once_by_all_units_of_work_together(
        self, within: tuple[Database, EventStore]
    ) -> None:
        db, store = within
        query = Query.of(tags=["seat:1"])
        selection = await store.select(query)

        async def sit(number: int) -> bool:
            async def work() -> bool:
                try:
                    await store.append(f"s{number}", [event("taken", "seat:1")], condition=selection.unchanged)
                except ConditionFailed:
                    return False
                return True

            return await db.atomic(work)

        async def sit_alone(number: int) -> bool:
            try:
                await store.append(f"t{number}", [event("taken", "seat:1")], condition=selection.unchanged)
            except ConditionFailed:
                return False
            return True

        async with asyncio.timeout(DEADLINE):
            taken = await asyncio.gather(*(sit(n) for n in range(5)), *(sit_alone(n) for n in range(5)))
        same(sum(taken), 1)
        same(len((await store.select(query)).events), 1)

    async def test_units_of_work_that_count_by_a_stream_lose_nothing(self, within: tuple[Database, EventStore]) -> None:
        db, store = within

        async def count() -> None:
            async def work() -> None:
                found = await store.read("s")
                await store.append("s", [event(f"e{len(found)}")], expected=len(found))

            for _ in range(10):
                try:
                    await db.atomic(work)
                except ConcurrencyConflict:
                    continue
                return

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(count() for _ in range(6)))
        found = await store.read("s")
        same(kinds(found), [f"e{number}" for number in range(len(found))])
        same(len(found) > 0, True)

    async def test_a_repetition_in_a_unit_of_work_changes_nothing(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        sent = events(2)
        repeated: list[bool] = []
        for _ in range(2):
            async with db.transaction():
                repeated.append((await store.append("s", sent, expected=0)).repeated)
        same(repeated, [False, True])
        same(ids(await store.read("s")), ids(sent))

    async def test_a_follower_hears_of_a_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        following = asyncio.create_task(take(store, 1))
        async with db.transaction():
            sent = events(1)
            await store.append("s", sent)
        same(ids(await following), ids(sent))

    async def test_a_deletion_and_an_annotation_join_a_unit_of_work(self, within: tuple[Database, EventStore]) -> None:
        db, store = within
        await store.append("s", events(1))
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await store.annotate("s", {"a": 1})
                await store.delete("s")
                raise ZeroDivisionError
        same(await store.info("s"), StreamInfo(version=1))

    async def _repeated(self, store: EventStore, again: list[int], expected: Expected, *, version: int) -> None:
        sent = events(3)
        await store.append("s", sent, expected=0)
        end = await store.end()
        appended = await store.append("s", [sent[each] for each in again], expected=expected)
        same((appended.version, appended.repeated), (version, True))
        same((ids(await store.read("s")), await store.end()), (ids(sent), end))

    async def _refused(
        self,
        store: EventStore,
        these: list[NewEvent],
        expected: Expected,
        *,
        actual: int,
        kind: type[ConcurrencyConflict] = ConcurrencyConflict,
    ) -> None:
        before = ids(await store.read("s"))
        with pytest.raises(ConcurrencyConflict) as caught:
            await store.append("s", these, expected=expected)
        same(type(caught.value), kind)
        same((caught.value.stream, caught.value.expected, caught.value.actual), ("s", expected, actual))
        same(ids(await store.read("s")), before)


def versions(found: Sequence[RecordedEvent]) -> list[int]:
    """Return the versions of events, in order."""
    return [each.version for each in found]


def kinds(found: Sequence[RecordedEvent]) -> list[str]:
    """Return the types of events, in order."""
    return [each.type for each in found]


def same(actual: object, expected: object) -> None:
    """Fail unless both are equal; pytest does not explain the assertions of a module that is not a test."""
    if actual != expected:
        pytest.fail(f"expected {expected!r}, got {actual!r}")
