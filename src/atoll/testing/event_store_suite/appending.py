"""The part of the suite on appending to streams and reading them."""

from __future__ import annotations

import asyncio

import pytest

from atoll.eventstore import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    ConcurrencyConflict,
    EventStore,
    Expected,
    NewEvent,
    PartialRepeat,
    StreamAppend,
    StreamInfo,
)
from atoll.testing.checks import equal
from atoll.testing.event_store_suite.events import event, events, feed, ids, refused, versions
from atoll.testing.event_store_suite.fixtures import Connect, EventStoreFixtures


class AppendingSuite(EventStoreFixtures):
    """A stream has its events in order, and takes more when it is as the writer expects."""

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
        equal(
            (found.type, found.data, found.id, found.tags, found.metadata),
            (sent.type, sent.data, sent.id, sent.tags, sent.metadata),
        )
        equal((found.correlation, found.causation, found.stream, found.tenant), ("c", "d", "s", ""))
        equal((found.version, found.position), (appended.version, appended.position))
        equal(found.time > 1e9, True)

    async def test_versions_count_the_events_of_a_stream_from_1(self, store: EventStore) -> None:
        first = await store.append("s", events(3))
        second = await store.append("s", events(2))
        equal((first.version, second.version), (3, 5))
        equal([each.version for each in await store.read("s")], [1, 2, 3, 4, 5])
        equal((await store.info("s")).version, 5)

    async def test_a_stream_without_events_reads_as_nothing(self, store: EventStore) -> None:
        equal(await store.read("s"), [])
        equal(await store.info("s"), StreamInfo(version=0))

    async def test_a_stream_is_read_from_a_version_on_and_up_to_a_limit(self, store: EventStore) -> None:
        await store.append("s", events(6))
        equal(versions(await store.read("s", start=3)), [3, 4, 5, 6])
        equal(versions(await store.read("s", start=3, limit=2)), [3, 4])
        equal(versions(await store.read("s", start=7)), [])

    async def test_a_stream_is_read_backward(self, store: EventStore) -> None:
        await store.append("s", events(6))
        equal(versions(await store.read("s", backward=True)), [6, 5, 4, 3, 2, 1])
        equal(versions(await store.read("s", backward=True, limit=2)), [6, 5])
        equal(versions(await store.read("s", start=3, backward=True)), [3, 2, 1])

    async def test_a_long_stream_is_read_whole(self, store: EventStore) -> None:
        await store.append("s", events(1500))
        await store.append("s", events(1000))
        equal(versions(await store.read("s")), list(range(1, 2501)))

    async def test_streams_do_not_see_each_other(self, store: EventStore) -> None:
        mine, other = event(), event()
        await store.append("s", [mine])
        await store.append("S", [other])
        equal(ids(await store.read("s")), [mine.id])
        equal(ids(await store.read("S")), [other.id])

    async def test_what_one_connection_appends_another_reads(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        appended = await one.append("s", events(2))
        equal(versions(await other.read("s")), [1, 2])
        equal((await other.append("s", events(1), expected=appended.version)).version, 3)
        equal((await one.append("s", events(1), expected=3)).version, 4)

    @pytest.mark.parametrize("expected", [NO_STREAM, 0, ANY])
    async def test_a_stream_without_events_is_begun(self, store: EventStore, expected: Expected) -> None:
        equal((await store.append("s", events(2), expected=expected)).version, 2)

    @pytest.mark.parametrize("expected", [1, 7, STREAM_EXISTS])
    async def test_a_stream_without_events_is_not_one_that_has_some(
        self, store: EventStore, expected: Expected
    ) -> None:
        await refused(store, events(1), expected, actual=0)

    @pytest.mark.parametrize("expected", [3, ANY, STREAM_EXISTS])
    async def test_a_stream_as_expected_is_appended_to(self, store: EventStore, expected: Expected) -> None:
        await store.append("s", events(3))
        equal((await store.append("s", events(1), expected=expected)).version, 4)

    @pytest.mark.parametrize("expected", [NO_STREAM, 1, 2, 4, 99])
    async def test_a_stream_that_is_not_as_expected_stays_as_it_is(self, store: EventStore, expected: Expected) -> None:
        await store.append("s", events(3))
        await refused(store, events(2), expected, actual=3)

    async def test_of_writers_who_expect_the_same_version_one_succeeds(self, opened: Connect) -> None:
        stores = [await opened(), await opened()]
        writers = [stores[number % 2].append("s", events(1), expected=0) for number in range(16)]
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
        equal(sum(isinstance(each, ConcurrencyConflict) for each in outcomes), 15)
        equal(versions(await stores[0].read("s")), [1])

    async def test_writers_who_expect_nothing_all_succeed(self, opened: Connect) -> None:
        stores = [await opened(), await opened()]
        sent = [events(3) for _ in range(20)]
        await asyncio.gather(*(stores[number % 2].append("s", each) for number, each in enumerate(sent)))
        found = await stores[0].read("s")
        equal(versions(found), list(range(1, 61)))
        equal(sorted(ids(found)), sorted(each.id for batch in sent for each in batch))

    async def test_a_conflict_among_appends_that_share_a_commit_is_its_own(self, store: EventStore) -> None:
        await store.append("s", events(1))
        outcomes = await asyncio.gather(
            store.append("a", events(1)),
            store.append("s", events(1), expected=9),
            store.append("b", events(1)),
            return_exceptions=True,
        )
        equal([type(each).__name__ for each in outcomes], ["Appended", "ConcurrencyConflict", "Appended"])
        equal([(await store.info(each)).version for each in "asb"], [1, 1, 1])

    async def test_several_streams_are_appended_to_together(self, store: EventStore) -> None:
        one, two = events(2), events(1)
        appended = await store.append_many([StreamAppend("b", tuple(one), 0), StreamAppend("a", tuple(two), 0)])
        equal([(each.stream, each.version) for each in appended], [("b", 2), ("a", 1)])
        equal(ids(await feed(store, 3)), ids([*one, *two]))

    async def test_when_one_stream_conflicts_none_is_written(self, store: EventStore) -> None:
        await store.append("b", events(1))
        with pytest.raises(ConcurrencyConflict) as caught:
            await store.append_many([StreamAppend("a", tuple(events(1))), StreamAppend("b", tuple(events(1)), 0)])
        equal((caught.value.stream, caught.value.expected, caught.value.actual), ("b", 0, 1))
        equal((await store.info("a")).version, 0)

    async def test_several_streams_again_change_nothing(self, store: EventStore) -> None:
        parts = [StreamAppend("a", tuple(events(2)), 0), StreamAppend("b", tuple(events(1)))]
        await store.append_many(parts)
        again = await store.append_many(parts)
        equal([(each.version, each.repeated) for each in again], [(2, True), (1, True)])

    async def test_a_repetition_with_a_further_stream_is_none(self, store: EventStore) -> None:
        part = StreamAppend("a", tuple(events(2)), 0)
        await store.append_many([part])
        with pytest.raises(PartialRepeat):
            await store.append_many([part, StreamAppend("b", tuple(events(1)))])
        equal((await store.info("b")).version, 0)
