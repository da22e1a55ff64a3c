"""Events that a service emits for later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from atoll.contracts import Event, contract
from atoll.core.errors import DeclarationError
from atoll.service import Service
from atoll.storage import Database


class Reminded(Event):
    text: str


@contract("reminders", events=[Reminded])
class Reminders(Protocol): ...


class NoonClock:
    def now(self) -> float:
        return 1000.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None: ...


class ReminderService(Service, Reminders):
    event_clock = NoonClock()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db")
    yield database
    await database.close()


@pytest.mark.parametrize(
    ("when", "due_at"), [({}, None), ({"at": 1234.5}, 1234.5), ({"after": 60.0}, 1060.0), ({"after": 0.0}, 1000.0)]
)
async def test_an_event_is_due_when_it_was_asked_for(
    db: Database, when: dict[str, float], due_at: float | None
) -> None:
    async with db.transaction():
        ReminderService().emit(Reminded(text="t"), **when)
    assert await db.fetch_value("SELECT due_at FROM atoll_outbox") == due_at


async def test_an_event_cannot_be_scheduled_in_two_ways(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(DeclarationError, match="leave one out"):
            ReminderService().emit(Reminded(text="t"), at=1.0, after=1.0)
