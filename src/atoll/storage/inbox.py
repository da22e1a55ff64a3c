"""The inbox: which messages a consumer has handled, in the transaction that handled them.

Source: idempotent consumer, https://microservices.io/patterns/communication-style/idempotent-consumer.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atoll.core.clock import Clock

if TYPE_CHECKING:
    from atoll.storage.database import Database


class Inbox:
    """The inbox of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def first_time(self, consumer: str, message_id: str) -> bool:
        """Note the message in the unit of work in hand; False when the consumer has had it before.

        To be called first: while another unit of work handles the same message, in this process or another, this
        waits for its end, so that no handler runs beside itself.
        """
        changed = await self._db.execute(
            "INSERT INTO atoll_inbox (consumer, message_id, handled_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            consumer,
            message_id,
            self._clock.now(),
        )
        return changed == 1
