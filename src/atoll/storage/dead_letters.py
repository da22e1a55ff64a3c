"""Dead letters: messages a consumer could not handle, and those behind them, kept until a person decides.

In order per key, as Axon's sequenced dead-letter queue keeps them: once a message is a dead letter, later ones with its
key go behind it instead of past it. https://docs.axoniq.io/axon-framework-reference/4.10/events/event-processors/dead-letter-queue/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atoll.contracts import Message
from atoll.core.clock import Clock
from atoll.storage.errors import LetterGone
from atoll.storage.port import Statement

if TYPE_CHECKING:
    from atoll.storage.database import Database

_SELECT: Final = (
    "SELECT seq, id, consumer, key, message, error, traceback, attempts, edits, time FROM atoll_dead_letters AS letter"
)
_FIRST_OF_ITS_KEY: Final = (
    "(key = '' OR NOT EXISTS (SELECT 1 FROM atoll_dead_letters AS before "
    "WHERE before.consumer = letter.consumer AND before.key = letter.key AND before.seq < letter.seq))"
)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given up on after `attempts` attempts, or that came behind one with its key (`attempts` 0).

    `seq` grows in the order of arrival, `edits` with each change of the message; `time` is in epoch seconds.
    `traceback` are the last lines of the error's, if there was one.
    """

    seq: int
    id: str
    consumer: str
    key: str
    message: Message
    error: str
    traceback: str
    attempts: int
    edits: int
    time: float


class DeadLetters:
    """The dead letters of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(self, message: Message, *, consumer: str, error: str, attempts: int, traceback: str = "") -> None:
        """Keep `message` in the unit of work in hand; the latest error wins when it is there already."""
        await self._db.execute(
            "INSERT INTO atoll_dead_letters (consumer, id, key, message, error, traceback, attempts, edits, time) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8) ON CONFLICT (consumer, id) DO UPDATE SET "
            "error = excluded.error, traceback = excluded.traceback, attempts = excluded.attempts, "
            "time = excluded.time",
            consumer,
            message.id,
            message.key,
            message,
            error,
            traceback,
            attempts,
            self._clock.now(),
        )

    async def add_behind(self, message: Message, *, consumer: str) -> bool:
        """Keep `message` behind the dead letters of its key, in the unit of work in hand; False when there are none."""
        letter = await self.next_of(consumer, message.key)
        if letter is None:
            return False
        await self.add(message, consumer=consumer, error=f"it came behind the dead letter {letter.id}", attempts=0)
        return True

    async def held_up(self, consumer: str) -> set[str]:
        """Return the keys that have dead letters."""
        rows = await self._db.fetch_all(
            _Key, "SELECT DISTINCT key FROM atoll_dead_letters WHERE consumer = $1 AND key <> ''", consumer
        )
        return {each.key for each in rows}

    async def get(self, message_id: str) -> DeadLetter | None:
        """Return the letter of that message; the first one when several consumers have it."""
        return await self._db.fetch_one(DeadLetter, f"{_SELECT} WHERE id = $1 ORDER BY seq LIMIT 1", message_id)

    async def next_of(self, consumer: str, key: str) -> DeadLetter | None:
        """Return the first letter of a key, which is to be replayed before the others."""
        return await self._db.fetch_one(
            DeadLetter, f"{_SELECT} WHERE consumer = $1 AND key = $2 ORDER BY seq LIMIT 1", consumer, key
        )

    async def firsts(self, consumer: str, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return the letters with `seq` above `after` that nothing comes before: the first of each key, all without."""
        return await self._db.fetch_all(
            DeadLetter,
            f"{_SELECT} WHERE consumer = $1 AND seq > $2 AND {_FIRST_OF_ITS_KEY} ORDER BY seq LIMIT $3",
            consumer,
            after,
            limit,
        )

    async def list(self, *, key: str = "", limit: int = 1000) -> list[DeadLetter]:
        """Return the oldest, at most `limit`; only those of `key` if it is given."""
        return await self._db.fetch_all(
            DeadLetter, f"{_SELECT} WHERE $1 = '' OR key = $1 ORDER BY seq LIMIT $2", key, limit
        )

    def remove_with(self, letter: DeadLetter) -> None:
        """Remove `letter` with the unit of work in hand, as the first thing its transaction does.

        Its first statement raises LetterGone when the letter is not there any more as it was read. While another
        unit of work replays the same letter it waits for that.
        """
        removal = Statement("DELETE FROM atoll_dead_letters WHERE seq = $1 AND edits = $2", (letter.seq, letter.edits))
        gone = LetterGone(f"the dead letter {letter.id} was replayed, changed or discarded meanwhile")
        self._db.unit_of_work().expect(removal, gone)

    async def note_failure(self, letter: DeadLetter, *, error: str, traceback: str) -> None:
        """Keep what another attempt at `letter` met, if it is still there."""
        async with self._db.transaction("read committed"):
            await self._db.execute(
                "UPDATE atoll_dead_letters SET error = $1, traceback = $2, attempts = attempts + 1, time = $3 "
                "WHERE seq = $4",
                error,
                traceback,
                self._clock.now(),
                letter.seq,
            )

    async def edit(self, letter: DeadLetter, data: bytes) -> bool:
        """Replace the data of `letter`; False when it was changed or is gone meanwhile."""
        async with self._db.transaction("read committed"):
            changed = await self._db.execute(
                "UPDATE atoll_dead_letters SET message = $1, edits = edits + 1 WHERE seq = $2 AND edits = $3",
                msgspec.structs.replace(letter.message, data=data),
                letter.seq,
                letter.edits,
            )
        return changed == 1

    async def discard(self, letter: DeadLetter) -> bool:
        """Remove `letter` for good; False when it is gone already. The inbox still knows its message."""
        async with self._db.transaction("read committed"):
            return await self._db.execute("DELETE FROM atoll_dead_letters WHERE seq = $1", letter.seq) == 1


class _Key(msgspec.Struct, frozen=True):
    key: str
