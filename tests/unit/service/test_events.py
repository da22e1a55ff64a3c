"""What a service that keeps events is given."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from atoll.aggregates import SnapshotStore, SubjectKeys
from atoll.core import Clock, SystemClock
from atoll.eventstore import EventStore, NewEvent
from atoll.service import Service
from atoll.service.events import PROVIDERS
from atoll.service.injection import Injector, Provider
from atoll.storage import Database
from atoll.storage.versions import noted_revisions


class LedgerService(Service):
    name = "ledger"

    def __init__(self, events: EventStore, keys: SubjectKeys, snapshots: SnapshotStore) -> None:
        self.events, self.keys, self.snapshots = events, keys, snapshots


class PlainService(Service):
    name = "plain"


@pytest.fixture(name="db")
async def _db(tmp_path: Path) -> AsyncGenerator[Database]:
    db = await Database.open(f"sqlite:///{tmp_path}/service.db")
    yield db
    await db.close()


def injector(db: Database, *providers: Provider) -> Injector:
    known: dict[Any, Any] = {Database: db, Clock: SystemClock()}
    return Injector(known, lambda contract: contract, (*PROVIDERS, *providers))


async def test_what_it_appends_commits_with_its_unit_of_work(db: Database) -> None:
    made = injector(db)
    service: LedgerService = await made.make(LedgerService)
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with db.transaction():
            await service.events.append("s-1", [NewEvent(type="t")])
            raise RuntimeError("changed my mind")
    assert await service.events.read("s-1") == []
    await made.close()


async def test_a_service_that_keeps_none_gets_no_tables_for_them(db: Database) -> None:
    await injector(db).make(PlainService)
    assert await noted_revisions(db.engine, "atoll.eventstore") == frozenset()


async def test_a_provider_of_the_system_takes_the_place_of_the_services_own(db: Database) -> None:
    elsewhere = EventStore.memory()

    def store() -> EventStore:
        return elsewhere

    service: LedgerService = await injector(db, store).make(LedgerService)
    assert service.events is elsewhere
