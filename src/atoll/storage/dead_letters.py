"""Dead letters: messages a consumer could not handle, kept with the error until a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atoll.contracts import Message
from atoll.core.clock import Clock

if TYPE_CHECKING:
    from atoll.storage.database import Database


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given up on. `time` is in epoch seconds."""

    id: str
    consumer: str
    message: Message
    error: str
    attempts: int
    time: float


class DeadLetters:
    """The dead letters of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(self, message: Message, *, consumer: str, error: str, attempts: int) -> None:
        """Keep `message` in the unit of work in hand; the latest error wins when it is there already."""
        await self._db.execute(
            "INSERT INTO atoll_dead_letters (id, consumer, message, error, attempts, time) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (consumer, id) DO UPDATE SET "
            "error = excluded.error, attempts = excluded.attempts, time = excluded.time",
            message.id,
            consumer,
            message,
            error,
            attempts,
            self._clock.now(),
        )

    async def list(self, *, limit: int = 1000) -> list[DeadLetter]:
        """Return the oldest, at most `limit`."""
        return await self._db.fetch_all(
            DeadLetter,
            "SELECT id, consumer, message, error, attempts, time FROM atoll_dead_letters ORDER BY time LIMIT $1",
            limit,
        )
