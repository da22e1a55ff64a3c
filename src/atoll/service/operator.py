"""What an operator may ask a service: its outbox and how much work waits. Never routed by the gateway."""

from __future__ import annotations

from atoll.projections import ProjectionEngine
from atoll.saga import SagaEngine
from atoll.service.http import Reply, Request, json_reply
from atoll.storage import Database


class OperatorEndpoints:
    """Read-only views under `/_atoll/`, as JSON."""

    def __init__(self, db: Database, sagas: SagaEngine, projections: ProjectionEngine | None) -> None:
        self._db = db
        self._journal = sagas.journal
        self._projections = projections

    async def outbox(self, request: Request) -> Reply:
        """The newest messages that were published and are still kept, whole, so that they can be published again."""
        return json_reply([row.message for row in await self._db.outbox.published()])

    async def backlog(self, request: Request) -> Reply:
        """How much work waits: unpublished messages, open sagas, events that views lack. Zero when it is quiet."""
        views = await self._projections.overview() if self._projections is not None else []
        return json_reply(
            {
                "outbox": await self._db.outbox.count(),
                "sagas": await self._journal.count_open(),
                "projections": sum(each.lag_events for each in views),
            }
        )
