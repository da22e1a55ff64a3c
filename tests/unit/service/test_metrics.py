"""A scrape measures what waits in the outbox, and tells the other metrics whatever becomes of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from atoll.core import Hooks, SystemClock
from atoll.observability import Metrics
from atoll.service import metrics
from atoll.service.http import Request
from atoll.service.metrics import MetricsEndpoint
from atoll.storage import Database
from tests.unit.messaging.fakes import message


class Clock(SystemClock):
    """Ten seconds after the messages of the tests were emitted."""

    def now(self) -> float:
        return 1e9 + 10.0


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db")
    yield database
    await database.close()


async def scraped(db: Database) -> list[str]:
    """Return what one scrape says of the outbox, and of something else."""
    hooks, registry = Hooks(), CollectorRegistry()
    Metrics(registry, "order").subscribe(hooks)
    Counter("other", "Something else", registry=registry)
    endpoint = MetricsEndpoint(registry, db, hooks=hooks, clock=Clock())
    reply = await endpoint.show(Request(method="GET", path="/metrics"))
    assert "version=" in reply.content_type
    return [each for each in reply.body.decode().splitlines() if each.startswith(("atoll_outbox", "other_total"))]


async def test_a_scrape_tells_how_much_waits_and_for_how_long(db: Database) -> None:
    async with db.transaction():
        db.outbox.add(message(1))
        db.outbox.add(message(2))
    assert await scraped(db) == ["atoll_outbox_lag_messages 2.0", "atoll_outbox_lag_seconds 10.0", "other_total 0.0"]


UNKNOWN = ["atoll_outbox_lag_messages NaN", "atoll_outbox_lag_seconds NaN", "other_total 0.0"]


async def test_a_database_that_fails_keeps_no_other_metric_back(db: Database) -> None:
    await db.close()
    assert await scraped(db) == UNKNOWN


async def test_a_database_that_hangs_keeps_no_other_metric_back(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(metrics, "READ_SECONDS", 0.01)
    monkeypatch.setattr(metrics, "outbox_lag", hang)
    assert await scraped(db) == UNKNOWN
