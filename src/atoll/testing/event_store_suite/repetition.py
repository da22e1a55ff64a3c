"""The part of the suite on appends that are made again: the table of EventStore.append."""

from __future__ import annotations

import asyncio

import pytest

from atoll.eventstore import ANY, NO_STREAM, STREAM_EXISTS, EventStore, Expected, PartialRepeat
from atoll.testing.checks import equal
from atoll.testing.event_store_suite.events import event, events, ids, refused
from atoll.testing.event_store_suite.fixtures import Connect, EventStoreFixtures


class RepetitionSuite(EventStoreFixtures):
    """An append that is made again changes nothing."""

    async def test_all_again_with_the_version_of_the_first_time_changes_nothing(self, store: EventStore) -> None:
        await repeated(store, [0, 1, 2], NO_STREAM, version=3)

    async def test_the_first_again_with_the_version_of_the_first_time_changes_nothing(self, store: EventStore) -> None:
        await repeated(store, [0], NO_STREAM, version=1)

    async def test_the_last_again_with_the_version_before_them_changes_nothing(self, store: EventStore) -> None:
        await repeated(store, [1, 2], 1, version=3)

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS])
    @pytest.mark.parametrize("again", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]])
    async def test_any_of_them_again_with_any_version_changes_nothing(
        self, store: EventStore, again: list[int], expected: Expected
    ) -> None:
        await repeated(store, again, expected, version=again[-1] + 1)

    async def test_repeating_twice_changes_nothing(self, store: EventStore) -> None:
        sent = events(3)
        await store.append("s", sent, expected=0)
        for expected in (ANY, ANY, 0, 0):
            equal((await store.append("s", sent, expected=expected)).repeated, True)
        equal(ids(await store.read("s")), ids(sent))

    async def test_an_event_again_at_the_version_of_the_stream_is_appended_as_new(self, store: EventStore) -> None:
        sent = events(3)
        await store.append("s", sent)
        again = await store.append("s", [sent[0]], expected=3)
        equal((again.version, again.repeated), (4, False))
        equal(ids(await store.read("s")), [*ids(sent), sent[0].id])

    @pytest.mark.parametrize("expected", [4, 99])
    async def test_an_event_again_beyond_the_version_of_the_stream_conflicts(
        self, store: EventStore, expected: Expected
    ) -> None:
        sent = events(3)
        await store.append("s", sent)
        await refused(store, [sent[0]], expected, actual=3)

    @pytest.mark.parametrize("expected", [1, 2])
    async def test_an_event_again_at_a_version_that_was_not_its_own_conflicts(
        self, store: EventStore, expected: Expected
    ) -> None:
        sent = events(3)
        await store.append("s", sent)
        await refused(store, [sent[0]], expected, actual=3)

    @pytest.mark.parametrize("expected", [NO_STREAM, ANY, STREAM_EXISTS])
    async def test_more_than_was_appended_is_no_repetition(self, store: EventStore, expected: Expected) -> None:
        sent = events(3)
        await store.append("s", sent)
        await refused(store, [*sent, event()], expected, actual=3, kind=PartialRepeat)

    async def test_a_new_event_before_a_known_one_is_no_repetition(self, store: EventStore) -> None:
        sent = events(3)
        await store.append("s", sent)
        await refused(store, [event(), sent[0]], ANY, actual=3, kind=PartialRepeat)
        await refused(store, [event(), sent[0]], NO_STREAM, actual=3)

    async def test_an_event_of_another_stream_is_no_repetition(self, store: EventStore) -> None:
        sent = events(1)
        await store.append("s", sent)
        equal((await store.append("t", sent)).repeated, False)

    async def test_a_repetition_gets_the_answer_of_the_first_time(self, opened: Connect) -> None:
        one, other = await opened(), await opened()
        sent = events(2)
        first = await one.append("s", sent, expected=0)
        await one.append("s", events(1))
        again = await other.append("s", sent, expected=0)
        equal((again.version, again.position, again.repeated), (first.version, first.position, True))

    async def test_one_append_made_twice_at_once_is_made_once(self, opened: Connect) -> None:
        stores = [await opened(), await opened()]
        sent = events(2)
        outcomes = await asyncio.gather(*(stores[number % 2].append("s", sent) for number in range(10)))
        equal(len({each.position for each in outcomes}), 1)
        equal(ids(await stores[0].read("s")), ids(sent))


async def repeated(store: EventStore, again: list[int], expected: Expected, *, version: int) -> None:
    """Append three events, then those of the numbers `again`; fail unless that is a repetition up to `version`."""
    sent = events(3)
    await store.append("s", sent, expected=0)
    end = await store.end()
    appended = await store.append("s", [sent[each] for each in again], expected=expected)
    equal((appended.version, appended.repeated), (version, True))
    equal((ids(await store.read("s")), await store.end()), (ids(sent), end))
