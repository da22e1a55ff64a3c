"""How much waits in the outbox, and for how long, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from atoll.contracts import Message
from atoll.core import new_id
from atoll.storage import Database
from atoll.storage.outbox_lag import LAG, outbox_lag

NOW = 1_000_000.0


class Step(msgspec.Struct, frozen=True):
    detail: str


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path, postgres_schema: str) -> AsyncIterator[Database]:
    url = {"sqlite": f"sqlite:///{tmp_path}/service.db", "postgresql": postgres_schema}[request.param]
    database = await Database.open(url)
    yield database
    await database.close()


async def emit(db: Database, *, age: float, due_in: float | None = None) -> None:
    message = Message(id=new_id(), type="shop.order.Placed.v1", source="order", time=NOW - age, data=b"1")
    async with db.transaction():
        db.outbox.add(message, due_at=None if due_in is None else NOW + due_in)


async def test_nothing_waits_in_an_empty_outbox(db: Database) -> None:
    assert await outbox_lag(db, NOW) == (0, 0.0)


async def test_what_waits_is_counted_from_when_the_oldest_was_emitted(db: Database) -> None:
    for age in (30.0, 20.0, 10.0):
        await emit(db, age=age)
    assert await outbox_lag(db, NOW) == (3, 30.0)


async def test_what_the_broker_has_confirmed_does_not_wait(db: Database) -> None:
    await emit(db, age=30.0)
    await emit(db, age=20.0)
    async with db.transaction():
        oldest = "seq = (SELECT min(seq) FROM atoll_outbox)"
        await db.execute(f"UPDATE atoll_outbox SET confirmed_at = $1 WHERE {oldest}", NOW)
    assert await outbox_lag(db, NOW) == (1, 20.0)


async def test_what_is_held_behind_a_refused_message_waits_too(db: Database) -> None:
    await emit(db, age=50.0)
    async with db.transaction():
        await db.execute("UPDATE atoll_outbox SET held_at = $1", NOW)
    await emit(db, age=10.0)
    assert await outbox_lag(db, NOW) == (2, 50.0)


async def test_it_looks_at_no_row_that_does_not_wait(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path}/service.db")
    plan = await db.fetch_all(Step, f"EXPLAIN QUERY PLAN {LAG}", NOW)
    await db.close()
    looks = [each.detail for each in plan if "atoll_outbox" in each.detail]
    assert len(looks) == 7
    assert all("INDEX atoll_outbox_" in each or "PRIMARY KEY (rowid=?)" in each for each in looks)


async def test_a_scheduled_message_waits_from_when_it_is_due(db: Database) -> None:
    await emit(db, age=1000.0, due_in=5.0)
    assert await outbox_lag(db, NOW) == (0, 0.0)
    assert await outbox_lag(db, NOW + 9.0) == (1, 4.0)


async def test_clocks_that_do_not_go_alike_make_no_negative_age(db: Database) -> None:
    await emit(db, age=-5.0)
    assert await outbox_lag(db, NOW) == (1, 0.0)
