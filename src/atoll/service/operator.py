"""What an operator may ask a service: its sagas and its dead letters. Never routed by the gateway."""

from __future__ import annotations

from typing import Any

from atoll.saga import SagaEngine
from atoll.service.errors import NotFound
from atoll.service.http import Reply, Request, json_reply
from atoll.storage import Database


class OperatorEndpoints:
    """Read-only views under `/_atoll/`, as JSON."""

    def __init__(self, db: Database, sagas: SagaEngine) -> None:
        self._db = db
        self._journal = sagas.journal

    async def sagas(self, request: Request) -> Reply:
        """The newest sagas, parked ones first."""
        return json_reply(await self._journal.recent())

    async def saga(self, request: Request) -> Reply:
        """One saga and its recorded steps, in order."""
        saga_id = request.parameters["saga_id"]
        row = await self._journal.get(saga_id)
        if row is None:
            raise NotFound(f"there is no saga {saga_id}")
        return json_reply({"saga": row, "steps": await self._journal.steps(saga_id)})

    async def dead_letters(self, request: Request) -> Reply:
        """The messages that were given up on, oldest first; each with its event as JSON."""
        letters: list[dict[str, Any]] = []
        for letter in await self._db.dead_letters.list():
            message = letter.message
            letters.append(
                {
                    "id": letter.id,
                    "consumer": letter.consumer,
                    "type": message.type,
                    "key": message.key,
                    "source": message.source,
                    "error": letter.error,
                    "attempts": letter.attempts,
                    "time": letter.time,
                    "data": message.data.decode(errors="replace"),
                }
            )
        return json_reply(letters)

    async def outbox(self, request: Request) -> Reply:
        """The newest messages that were published and are still kept, whole, so that they can be published again."""
        return json_reply([row.message for row in await self._db.outbox.published()])

    async def backlog(self, request: Request) -> Reply:
        """How much work waits: unpublished messages and open sagas. Both zero when the service is quiet."""
        open_sagas = await self._db.fetch_value("SELECT count(*) FROM atoll_sagas WHERE ended_at IS NULL")
        return json_reply({"outbox": await self._db.outbox.count(), "sagas": int(open_sagas)})
