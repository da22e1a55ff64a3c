"""Aggregates are loaded from their events and store what they decide."""

from __future__ import annotations

from typing import Any

import pytest

from atoll.aggregates import AggregateNotFound, HistoryTruncated, MemorySubjectKeys, Repository
from atoll.contracts import Event
from atoll.core.errors import DeclarationError
from atoll.eventstore import ConcurrencyConflict, EventStore, UnknownEventType, new_event
from tests.unit.aggregates.account import Account, Deposited, Diary, Frozen, Opened, Refused


@pytest.fixture
def store() -> EventStore:
    return EventStore.memory()


def accounts(store: EventStore, **options: Any) -> Repository[Account]:
    return Repository.of(store, Account, [Opened, Deposited], keys=MemorySubjectKeys(), **options)


async def opened(store: EventStore, amount: int = 100) -> Repository[Account]:
    repository = accounts(store)
    await repository.create("1", lambda a: [a.open("1", "ann", "Ann"), *a.deposit(amount)])
    return repository


async def test_an_aggregate_is_what_its_events_make_of_it(store: EventStore) -> None:
    repository = await opened(store)
    changed = await repository.change("1", lambda a: a.deposit(-30))
    loaded = await repository.load("1")
    assert (changed.version, changed.aggregate) == (loaded.version, loaded.aggregate) == (3, Account(70, ["Ann"]))


async def test_it_is_seen_as_it_was_after_some_events(store: EventStore) -> None:
    repository = await opened(store)
    assert (await repository.load("1", at=1)).aggregate == Account(0, ["Ann"])


async def test_what_a_decision_raises_leaves_nothing_behind(store: EventStore) -> None:
    repository = await opened(store)
    with pytest.raises(Refused):
        await repository.change("1", lambda a: a.deposit(-101))
    assert (await repository.load("1")).version == 2


async def test_deciding_nothing_writes_nothing(store: EventStore) -> None:
    repository = await opened(store)
    changed = await repository.change("1", lambda a: a.deposit(0))
    assert (changed.version, changed.position, len(await store.read_all())) == (2, None, 2)


async def test_a_decision_is_made_anew_when_another_was_first(store: EventStore) -> None:
    repository = await opened(store)
    seen: list[int] = []

    class Late(EventStore):
        async def append(self, stream: str, events: Any, **options: Any) -> Any:
            if len(seen) == 1:
                await repository.change("1", lambda a: a.deposit(-60))
            return await super().append(stream, events, **options)

    def spend(account: Account) -> list[Deposited]:
        seen.append(account.balance)
        return account.deposit(-40)

    await accounts(Late(store.log)).change("1", spend)
    assert (seen, (await repository.load("1")).aggregate.balance) == ([100, 40], 0)


async def test_an_event_that_the_aggregate_cannot_take_up_is_not_stored(store: EventStore) -> None:
    repository = await opened(store)
    with pytest.raises(TypeError):
        await repository.change("1", lambda _: Deposited(amount="much"))  # type: ignore[arg-type]
    assert (await repository.load("1")).version == 2


async def test_what_does_not_exist_is_not_found(store: EventStore) -> None:
    repository = accounts(store)
    assert await repository.find("2") is None
    for call in (repository.load("2"), repository.change("2", lambda a: a.deposit(1))):
        with pytest.raises(AggregateNotFound, match="there is no account '2'"):
            await call


async def test_what_exists_is_not_made_again(store: EventStore) -> None:
    repository = await opened(store)
    with pytest.raises(ConcurrencyConflict):
        await repository.create("1", lambda a: a.open("1", "bob", "Bob"))


async def test_an_aggregate_may_record_what_it_decides(store: EventStore) -> None:
    diaries = Repository.of(store, Diary, [Deposited])
    changed = await diaries.create("d", lambda diary: diary.twice(3))
    assert (changed.aggregate.total, (await diaries.load("d")).aggregate.total, changed.version) == (6, 6, 2)


async def test_an_aggregate_may_be_immutable(store: EventStore) -> None:
    frozen = Repository.of(store, Frozen, [Deposited])
    changed = await frozen.create("f", lambda _: Deposited(amount=2))
    assert changed.aggregate == (await frozen.load("f")).aggregate == Frozen(2)


async def test_an_event_that_no_class_reads_is_told(store: EventStore) -> None:
    class Strange(Event):
        pass

    await store.append("diary-s", [new_event(Strange())])
    with pytest.raises(UnknownEventType):
        await Repository.of(store, Diary, [Deposited]).load("s")


async def test_a_history_without_its_beginning_is_told(store: EventStore) -> None:
    repository = await opened(store)
    await store.truncate("account-1", before=2)
    with pytest.raises(HistoryTruncated, match="begin at version 2"):
        await repository.load("1")


async def test_events_are_found_by_the_tags_they_are_given(store: EventStore) -> None:
    tagged = Repository.of(store, Diary, [Deposited], tags=lambda event: [f"amount:{event.amount}"])
    await tagged.create("t", lambda _: [Deposited(amount=1), Deposited(amount=2)])
    assert [each.tags for each in await store.read_all()] == [("amount:1",), ("amount:2",)]


def test_a_category_has_no_dash(store: EventStore) -> None:
    with pytest.raises(DeclarationError, match="use a word without a dash"):
        accounts(store, category="bank-account")
