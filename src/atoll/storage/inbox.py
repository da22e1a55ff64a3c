"""The inbox: which messages a consumer has handled, in the transaction that handled them.

Source: idempotent consumer, https://microservices.io/patterns/communication-style/idempotent-consumer.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atoll.core.clock import Clock
from atoll.storage.errors import NotItsTurn
from atoll.storage.port import Statement

if TYPE_CHECKING:
    from atoll.storage.database import Database

_NOTE: Final = (
    "INSERT INTO atoll_inbox (consumer, message_id, handled_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (consumer, message_id) DO NOTHING"
)
_NOTE_IN_TURN: Final = (
    "INSERT INTO atoll_inbox (consumer, message_id, handled_at) "
    "SELECT $1, $2, CAST($3 AS DOUBLE PRECISION) "
    "WHERE NOT EXISTS (SELECT 1 FROM atoll_dead_letters WHERE consumer = $1 AND key = $4) "
    "ON CONFLICT (consumer, message_id) DO NOTHING"
)
_KNOWN: Final = "SELECT 1 FROM atoll_inbox WHERE consumer = $1 AND message_id = $2"


class Inbox:
    """The inbox of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def claim(self, consumer: str, message_id: str, key: str = "") -> None:
        """Take the message for the unit of work in hand as soon as it opens its transaction.

        While another one handles the same message, in this process or another, that waits. The first statement raises
        NotItsTurn when the consumer has had the message by then, or when a message with the same key is one of its
        dead letters: one statement notes the message and asks for both. A unit of work that opens no transaction has
        nothing to protect, and notes nothing.
        """
        refusal = NotItsTurn(
            f"{consumer} has had the message {message_id}, or a dead letter of its key comes before it"
        )
        self._db.unit_of_work().expect(self._note(consumer, message_id, key), refusal)

    async def knows(self, consumer: str, message_id: str) -> bool:
        """Tell whether the consumer has had the message, as far as is committed."""
        return await self._db.fetch_value(_KNOWN, consumer, message_id) is not None

    async def first_time(self, consumer: str, message_id: str) -> bool:
        """Note the message in the unit of work in hand; False when the consumer has had it before.

        To be called first: while another unit of work handles the same message, in this process or another, this
        waits for its end, so that no handler runs beside itself.
        """
        return await self._db.execute(_NOTE, consumer, message_id, self._clock.now()) == 1

    async def sweep(self, before: float, *, limit: int = 1000) -> int:
        """Forget at most `limit` messages handled before that time (epoch seconds); return how many."""
        async with self._db.transaction("read committed"):
            return await self._db.execute(
                "DELETE FROM atoll_inbox WHERE (consumer, message_id) IN "
                "(SELECT consumer, message_id FROM atoll_inbox WHERE handled_at < $1 ORDER BY handled_at LIMIT $2)",
                before,
                limit,
            )

    def _note(self, consumer: str, message_id: str, key: str) -> Statement:
        args = (consumer, message_id, self._clock.now())
        return Statement(_NOTE_IN_TURN, (*args, key)) if key else Statement(_NOTE, args)
