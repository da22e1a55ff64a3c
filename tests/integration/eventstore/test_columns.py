"""On PostgreSQL a column that is empty in all events of a commit is not sent, and read as empty all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from atoll.eventstore import EventStore, NewEvent, RecordedEvent
from atoll.eventstore.postgres.group import ANSWERED

FULL = NewEvent(type="a", data=b"\x00\xff", tags=("t", "u"), metadata={"by": 1}, correlation="c", causation="d")
PLAIN = NewEvent(type="a")
WITHOUT_DATA = NewEvent(type="a", data=b"", correlation="c")


@pytest.fixture
async def store(postgres_schema: str) -> AsyncIterator[EventStore]:
    store = await EventStore.open(postgres_schema)
    yield store
    await store.close()


@pytest.fixture
def answers() -> Iterator[list[str]]:
    """One for each commit that was made in one statement; an append that fails there is made in another way."""
    answers: list[str] = []
    ANSWERED.arm(lambda: answers.append("answered"))
    yield answers
    ANSWERED.disarm()


def sent_in(recorded: RecordedEvent) -> NewEvent:
    return NewEvent(
        type=recorded.type,
        data=recorded.data,
        id=recorded.id,
        tags=recorded.tags,
        metadata=recorded.metadata,
        correlation=recorded.correlation,
        causation=recorded.causation,
    )


@pytest.mark.parametrize("events", [(PLAIN,), (WITHOUT_DATA,), (FULL,), (PLAIN, FULL, WITHOUT_DATA), (FULL, PLAIN)])
async def test_each_event_of_a_commit_keeps_what_it_has_and_no_more(
    store: EventStore, answers: list[str], events: Sequence[NewEvent]
) -> None:
    await asyncio.gather(*(store.append(f"s{place}", [each]) for place, each in enumerate(events)))
    found = [(await store.read(f"s{place}"))[0] for place in range(len(events))]
    assert ([sent_in(each) for each in found], answers) == (list(events), ["answered"])


async def test_each_event_of_a_commit_keeps_its_tenant(store: EventStore, answers: list[str]) -> None:
    views = [store, store.of("red"), store.of("blue")]
    await asyncio.gather(*(each.append("s", [NewEvent(type=each.tenant or "none")]) for each in views))
    found = [[(event.tenant, event.type) for event in await each.read("s")] for each in views]
    assert (found, answers) == ([[("", "none")], [("red", "red")], [("blue", "blue")]], ["answered"])
