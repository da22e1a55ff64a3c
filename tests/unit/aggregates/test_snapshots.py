"""Folding begins at a snapshot, if this code made it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from atoll.aggregates import Mementos, MemorySnapshots, Repository, SnapshotCorrupt
from atoll.aggregates.fingerprint import fingerprint
from atoll.aggregates.snapshots import Snapshot
from atoll.core.errors import DeclarationError
from atoll.eventstore import EventStore
from tests.unit.aggregates.account import Deposited, Diary


class Counting(EventStore):
    """Knows where the last read began."""

    began = 0

    async def read(self, stream: str, *, start: int | None = None, **options: object) -> list[object]:  # type: ignore[override]
        self.began = start or 0
        return await super().read(stream, start=start, **options)  # type: ignore[arg-type, return-value]


@pytest.fixture
def store() -> Counting:
    return Counting(EventStore.memory().log)


@pytest.fixture
def snapshots() -> MemorySnapshots:
    return MemorySnapshots()


def diaries(store: EventStore, snapshots: MemorySnapshots, schema: str = "1") -> Repository[Diary]:
    return Repository.of(store, Diary, [Deposited], snapshots=snapshots, every=10, schema=schema)


async def written(store: EventStore, snapshots: MemorySnapshots, number: int) -> Repository[Diary]:
    repository = diaries(store, snapshots)
    await repository.create("1", lambda _: Deposited(amount=1))
    for _ in range(number - 1):
        await repository.change("1", lambda _: Deposited(amount=1))
    return repository


async def test_a_snapshot_is_kept_every_so_many_events(store: Counting, snapshots: MemorySnapshots) -> None:
    repository = await written(store, snapshots, 25)
    loaded = await repository.load("1")
    assert (loaded.aggregate.total, loaded.version, store.began) == (25, 25, 21)


async def test_code_of_another_schema_folds_from_the_beginning(store: Counting, snapshots: MemorySnapshots) -> None:
    await written(store, snapshots, 25)
    loaded = await diaries(store, snapshots, "2").load("1")
    assert (loaded.aggregate.total, store.began) == (25, 1)


async def test_an_earlier_moment_is_not_read_from_a_snapshot(store: Counting, snapshots: MemorySnapshots) -> None:
    repository = await written(store, snapshots, 25)
    assert (await repository.load("1", at=7)).aggregate.total == 7


async def test_a_corrupt_snapshot_is_told_and_can_be_forgotten(store: Counting, snapshots: MemorySnapshots) -> None:
    repository = await written(store, snapshots, 10)
    await snapshots.remove("", "diary-1")
    await snapshots.keep(Snapshot(tenant="", stream="diary-1", schema="1", version=10, data=b"\xc1nonsense"))
    with pytest.raises(SnapshotCorrupt, match=r"remove it with `await repository\.forget\(id\)`"):
        await repository.load("1")
    await repository.forget("1")
    assert (await repository.load("1")).aggregate.total == 10


def test_a_class_that_cannot_be_kept_is_refused() -> None:
    class Plain:
        def apply(self, event: object) -> None: ...

    with pytest.raises(DeclarationError, match="make it a dataclass or a struct"):
        Mementos(Plain, MemorySnapshots(), schema="1")
    Mementos(Plain, MemorySnapshots(), schema="1", dump=lambda _: b"", load=lambda _: Plain())


def test_another_class_has_another_fingerprint() -> None:
    @dataclass
    class One:
        a: int = 0

    @dataclass
    class Two(One):
        b: int = 0

    prints = {fingerprint(One, ["a"]), fingerprint(Two, ["a"]), fingerprint(One, ["b"]), fingerprint(One, ["a"])}
    assert len(prints) == 3


def test_a_class_without_source_is_asked_for_its_schema() -> None:
    made = type("Made", (), {"__module__": "nowhere"})
    with pytest.raises(DeclarationError, match='as in `schema="1"`'):
        fingerprint(made, [])
