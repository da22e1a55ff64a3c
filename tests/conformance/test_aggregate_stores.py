"""Snapshots and keys behave alike in memory and in the databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.aggregates import (
    DatabaseSnapshots,
    DatabaseSubjectKeys,
    MemorySnapshots,
    MemorySubjectKeys,
    SnapshotStore,
    SubjectKeys,
)
from atoll.aggregates.snapshots import Snapshot
from atoll.storage import Database


def snapshot(version: int, schema: str = "1", stream: str = "s") -> Snapshot:
    data = bytes([version, 0, 255])
    return Snapshot(tenant="t", stream=stream, schema=schema, version=version, subjects=("ann", "bob"), data=data)


class Suite:
    @pytest.fixture
    async def db(self) -> Database | None:
        return None

    @pytest.fixture
    async def snapshots(self, db: Database | None) -> SnapshotStore:
        return MemorySnapshots() if db is None else await DatabaseSnapshots.over(db)

    @pytest.fixture
    async def keys(self, db: Database | None) -> SubjectKeys:
        return MemorySubjectKeys() if db is None else await DatabaseSubjectKeys.over(db)

    async def test_a_snapshot_is_found_as_it_was_kept(self, snapshots: SnapshotStore) -> None:
        await snapshots.keep(snapshot(3))
        assert await snapshots.find("t", "s") == snapshot(3)
        assert await snapshots.find("t", "r") is None
        assert await snapshots.find("u", "s") is None

    async def test_an_older_snapshot_does_not_replace_a_newer_one(self, snapshots: SnapshotStore) -> None:
        for version in (3, 5, 4):
            await snapshots.keep(snapshot(version))
        assert await snapshots.find("t", "s") == snapshot(5)

    async def test_a_snapshot_of_another_schema_replaces_any(self, snapshots: SnapshotStore) -> None:
        await snapshots.keep(snapshot(5))
        await snapshots.keep(snapshot(4, schema="2"))
        assert await snapshots.find("t", "s") == snapshot(4, schema="2")

    async def test_a_snapshot_is_removed_alone(self, snapshots: SnapshotStore) -> None:
        await snapshots.keep(snapshot(1))
        await snapshots.keep(snapshot(2, stream="r"))
        await snapshots.remove("t", "s")
        await snapshots.remove("t", "s")
        assert await snapshots.find("t", "s") is None
        assert await snapshots.find("t", "r") == snapshot(2, stream="r")

    async def test_everybody_has_one_key_of_their_own(self, keys: SubjectKeys) -> None:
        first = await keys.ensure(["ann", "bob"])
        assert await keys.ensure(["ann"]) == {"ann": first["ann"]}
        assert await keys.find(["ann", "bob", "carl"]) == first
        assert first["ann"] != first["bob"]
        assert await keys.find([]) == {}

    async def test_who_is_erased_gets_no_other_key(self, keys: SubjectKeys) -> None:
        await keys.ensure(["ann", "bob"])
        for subject in ("ann", "ann", "carl"):
            await keys.erase(subject, now=1.0)
        assert set(await keys.ensure(["ann", "bob", "carl"])) == {"bob"}


class TestMemory(Suite):
    pass


class TestSqlite(Suite):
    @pytest.fixture
    async def db(self, tmp_path: Path) -> AsyncIterator[Database]:  # type: ignore[override]
        db = await Database.open(f"sqlite:///{tmp_path}/kept.db")
        yield db
        await db.close()


class TestPostgres(Suite):
    @pytest.fixture
    async def db(self, postgres_schema: str) -> AsyncIterator[Database]:  # type: ignore[override]
        db = await Database.open(postgres_schema)
        yield db
        await db.close()
