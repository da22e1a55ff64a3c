"""What a service says of the work that waits."""

from __future__ import annotations

from pathlib import Path

import msgspec

from atoll.eventstore import EventStore, NewEvent, RecordedEvent
from atoll.projections import Projection, ProjectionEngine, View, projects
from atoll.saga import SagaEngine
from atoll.service.http import Request
from atoll.service.operator import OperatorEndpoints
from atoll.storage import Database


class Counted(Projection):
    tables = "CREATE TABLE {counted} (id TEXT PRIMARY KEY)"

    @projects("shop.Told.v1")
    async def count(self, event: RecordedEvent, view: View) -> None:
        await view.execute("INSERT INTO {counted} VALUES ($1)", event.id)


async def waiting(operator: OperatorEndpoints) -> int:
    reply = await operator.backlog(Request(method="GET", path="/_atoll/backlog"))
    return msgspec.json.decode(reply.body, type=dict[str, int])["projections"]


async def test_a_service_is_not_quiet_while_its_views_lack_events(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path}/service.db")
    store, sagas, counted = await EventStore.over(db), SagaEngine(db, owner="test"), Counted()
    await sagas.prepare()
    engine = ProjectionEngine(db, store, [counted], owner="test")
    await engine.start()
    operator = OperatorEndpoints(db, sagas, engine)
    await engine.pause("counted")
    appended = await store.append("s", [NewEvent(type="shop.Told.v1"), NewEvent(type="shop.Unheard.v1")])
    assert await waiting(operator) == 1
    await engine.resume("counted")
    await counted.wait_for(appended.position)
    assert await waiting(operator) == 0
    await engine.stop()
    await store.close()
    await db.close()
