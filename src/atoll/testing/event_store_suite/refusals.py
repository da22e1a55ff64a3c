"""The part of the suite on what cannot be stored."""

from __future__ import annotations

import pytest

from atoll.eventstore import START, EventRefused, EventStore, EventTooLarge, NewEvent, StreamAppend, UnserializableEvent
from atoll.testing.checks import equal
from atoll.testing.event_store_suite.events import event
from atoll.testing.event_store_suite.fixtures import EventStoreFixtures


class RefusalSuite(EventStoreFixtures):
    """What cannot be stored whole is refused whole."""

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
        equal(await store.end(), START)

    @pytest.mark.parametrize("bad", ["a\0b", "\ud800", "x" * 501])
    async def test_an_id_of_another_thing_that_cannot_be_stored_is_refused(self, store: EventStore, bad: str) -> None:
        for sent in (NewEvent(type="a", correlation=bad), NewEvent(type="a", causation=bad)):
            with pytest.raises(EventRefused):
                await store.append("s", [event(), sent])
        equal(await store.end(), START)

    async def test_metadata_without_a_json_form_are_refused(self, store: EventStore) -> None:
        for bad in (object(), "\ud800", {1j: 2}):
            with pytest.raises(UnserializableEvent):
                await store.append("s", [event(), NewEvent(type="a", metadata={"x": bad})])
            with pytest.raises(UnserializableEvent):
                await store.annotate("s", {"x": bad})
        equal(await store.end(), START)

    async def test_an_event_over_the_size_limit_is_refused(self, store: EventStore) -> None:
        with pytest.raises(EventTooLarge) as caught:
            await store.append("s", [event(), event(data=b"x" * 1_048_577)])
        equal((caught.value.size, caught.value.limit), (1_048_577, 1_048_576))
        equal(await store.end(), START)
        await store.append("s", [event(data=b"x" * 1_048_576)])
        equal(len((await store.read("s"))[0].data), 1_048_576)

    async def test_an_append_without_events_is_refused(self, store: EventStore) -> None:
        for parts in ([], [StreamAppend("s", ())], [StreamAppend("s", (event(),)), StreamAppend("s", (event(),))]):
            with pytest.raises(EventRefused):
                await store.append_many(parts)

    async def test_two_events_with_one_id_or_a_type_of_the_stores_own_are_refused(self, store: EventStore) -> None:
        one = event()
        for bad in ([one, one], [event("$deleted")]):
            with pytest.raises(EventRefused):
                await store.append("s", bad)
        equal(await store.end(), START)
