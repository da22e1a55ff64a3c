"""Whenever a process that projects dies, the next one leaves every event in the view once, and its effects once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec
import pytest

from atoll.contracts import Event
from atoll.core.crashing import POINTS
from atoll.eventstore import EventStore, Position, new_event
from atoll.projections import NotPossible, Overview, Projection, ProjectionEngine, View, points, projects
from atoll.storage import Database

EVENTS = 12
REFUSED = 5


class Died(asyncio.CancelledError):
    """The process has ended here."""


class Noted(Event, event_type="test.Noted.v1"):
    number: int


class Notes(Projection):
    """Keeps every number once: a second time it would fail. One number it refuses until it is told better."""

    tables = "CREATE TABLE {notes} (number BIGINT PRIMARY KEY)"
    on_failure = "park"
    batch = 3
    strict = True

    @projects(Noted)
    async def noted(self, event: Noted, view: View) -> None:
        if event.number == REFUSED and self.strict:
            raise ValueError("not yet")
        await view.execute("INSERT INTO {notes} (number) VALUES ($1)", event.number)
        view.emit(event)


async def write(store: EventStore) -> Position:
    """Append the events, unless an earlier life has; return the position of the last one."""
    position = Position()
    for number in range(EVENTS):
        event = new_event(Noted(number=number), id=f"n{number}")
        position = (await store.append(f"s{number % 3}", [event])).position
    return position


async def opened(url: str, stack: AsyncExitStack) -> tuple[Database, EventStore]:
    db = await Database.open(url)
    stack.push_async_callback(db.close)
    store = await EventStore.over(db)
    stack.push_async_callback(store.close)
    return db, store


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_schema: str) -> str:
    return f"sqlite:///{tmp_path}/service.db" if request.param == "sqlite" else postgres_schema


async def life(url: str, point: str = "") -> None:
    """Write, handle, retry what is parked, rebuild: from wherever the life before has ended, or until death."""
    died = asyncio.get_running_loop().create_future()

    def die() -> None:
        POINTS[point].disarm()
        died.set_result(None)
        raise Died

    async with AsyncExitStack() as stack:
        db, store = await opened(url, stack)
        engine = ProjectionEngine(db, store, [Notes()], owner="test/0", lease_seconds=60.0)
        if point:
            POINTS[point].arm(die)
        living = asyncio.create_task(live(engine, store))
        async with asyncio.timeout(30):
            await asyncio.wait({living, died}, return_when=asyncio.FIRST_COMPLETED)
        assert died.done() == bool(point)
        everything = {each for each in asyncio.all_tasks() if each.get_name().startswith("projection")} | {living}
        for task in everything:
            task.cancel()
        ended = await asyncio.gather(*everything, return_exceptions=True)
        assert [each for each in ended if isinstance(each, Exception)] == []


async def live(engine: ProjectionEngine, store: EventStore) -> None:
    view = engine.projections["notes"]
    assert isinstance(view, Notes)
    await engine.start()
    await view.wait_for(await write(store), timeout=30)
    view.strict = False
    with suppress(NotPossible):
        await engine.decide("notes", "retry")
    while (await look(engine)).parked:
        await engine.next_look()
    if (await look(engine)).generation == 1:
        with suppress(NotPossible):
            await engine.rebuild("notes")
    while len(await engine.books.generations("notes")) > 1 or (await look(engine)).generation == 1:
        await engine.next_look()


async def look(engine: ProjectionEngine) -> Overview:
    return (await engine.overview())[0]


class _Number(msgspec.Struct):
    number: int


class _Data(msgspec.Struct):
    data: bytes


class _Emitted(msgspec.Struct):
    message: _Data


@pytest.mark.parametrize("point", sorted(name for name in POINTS if name.startswith(("projection", "rebuild"))))
async def test_what_a_death_breaks_off_is_done_once_in_the_next_life(url: str, point: str) -> None:
    assert points.CLAIMED.name in POINTS
    await life(url, point)
    await life(url)
    async with AsyncExitStack() as stack:
        db, _ = await opened(url, stack)
        numbers = [each.number for each in await db.fetch_all(_Number, "SELECT number FROM notes ORDER BY number")]
        emitted = await db.fetch_all(_Emitted, "SELECT message FROM atoll_outbox")
    assert numbers == list(range(EVENTS))
    assert sorted(msgspec.json.decode(each.message.data, type=Noted).number for each in emitted) == list(range(EVENTS))
