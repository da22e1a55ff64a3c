"""The part of the suite on a stream's metadata, truncation and deletion."""

from __future__ import annotations

import pytest

from atoll.eventstore import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    ConcurrencyConflict,
    EventStore,
    Query,
    StreamDeleted,
    StreamInfo,
)
from atoll.testing.checks import equal
from atoll.testing.event_store_suite.events import event, events, feed, kinds, versions
from atoll.testing.event_store_suite.fixtures import Connect, EventStoreFixtures


class StreamSuite(EventStoreFixtures):
    """What is hidden is not read, and what is deleted is not written any more."""

    async def test_a_stream_has_metadata(self, store: EventStore) -> None:
        await store.append("s", events(1))
        await store.annotate("s", {"owner": "ä", "n": 1})
        equal((await store.info("s")).metadata, {"owner": "ä", "n": 1})
        await store.annotate("s", {"n": 2})
        equal(await store.info("s"), StreamInfo(version=1, metadata={"n": 2}))

    async def test_truncation_hides_the_beginning_of_a_stream(self, store: EventStore) -> None:
        await store.append("s", events(5))
        await store.truncate("s", before=4)
        equal(versions(await store.read("s")), [4, 5])
        equal(versions(await store.read("s", backward=True, start=4)), [4])
        equal(await store.info("s"), StreamInfo(version=5, truncated_before=4))
        equal((await store.append("s", events(1), expected=5)).version, 6)
        equal(len(await feed(store, 6)), 6)

    async def test_a_deleted_stream_is_neither_read_nor_written(self, store: EventStore) -> None:
        await store.append("s", events(2))
        equal((await store.delete("s", expected=2)).version, 3)
        for expected in (ANY, 3, NO_STREAM, STREAM_EXISTS):
            with pytest.raises(StreamDeleted):
                await store.append("s", events(1), expected=expected)
        with pytest.raises(StreamDeleted):
            await store.read("s")
        with pytest.raises(StreamDeleted):
            await store.delete("s")
        equal((await store.info("s")).deleted, True)

    async def test_a_deletion_expects_as_an_append_does(self, store: EventStore) -> None:
        await store.append("s", events(2))
        with pytest.raises(ConcurrencyConflict):
            await store.delete("s", expected=1)
        equal(versions(await store.read("s")), [1, 2])

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
        equal(kinds(await feed(store, 2)), ["e0", "$deleted"])

    async def test_scavenging_removes_what_is_hidden_up_to_a_position(self, store: EventStore) -> None:
        await store.append("s", [event("a", "x"), event("b", "x"), event("c", "x"), event("d", "x")])
        await store.append("t", [event("e")])
        await store.delete("t")
        found = await feed(store, 6)
        await store.truncate("s", before=4)
        equal(await store.scavenge(before=found[1].position), 2)
        equal(kinds(await store.read_all()), ["c", "d", "e", "$deleted"])
        equal(await store.scavenge(before=found[-1].position), 2)
        equal(kinds(await store.read_all()), ["d", "$deleted"])
        equal(kinds((await store.select(Query.of(tags=["x"]))).events), ["d"])
        equal((await store.append("s", events(1), expected=4)).version, 5)

    async def test_scavenging_keeps_the_last_event_of_a_stream(self, store: EventStore) -> None:
        await store.append("s", events(3))
        await store.truncate("s", before=4)
        equal(await store.scavenge(before=(await feed(store, 3))[-1].position), 2)
        equal((await store.append("s", events(1), expected=3)).version, 4)
