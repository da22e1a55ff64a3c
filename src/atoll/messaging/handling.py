"""What a consumer does with one message in the database: handle it once, put it with the dead letters, replay it."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

from atoll.contracts import Message
from atoll.core.crashing import crash_point
from atoll.messaging.errors import UndecodableMessage
from atoll.storage import Database, DeadLetter, NotItsTurn

Handle = Callable[[Message], Awaitable[None]]
Fate = Literal["handled", "duplicate", "dead"]

LINES: Final = 20
"""How much of a traceback is kept with a dead letter."""

_ASK: Final = "SELECT 1"
"""Opens the transaction, in which the message is noted first."""

_HANDLED: Final = crash_point("consume.handled")
_COMMITTED: Final = crash_point("consume.committed")
_BURIED: Final = crash_point("consume.buried")
_REPLAYED: Final = crash_point("replay.handled")
_REMOVED: Final = crash_point("replay.committed")


class Handling:
    """Handles the messages of one consumer, in order per key even when some of them are dead letters.

    `held_up` are the keys that may have dead letters: a hint that saves a look into the database. What is right is
    decided in the transaction of the handler.
    """

    def __init__(self, db: Database, consumer: str, handlers: Mapping[str, Handle]) -> None:
        self._db = db
        self._consumer = consumer
        self._handlers = handlers
        self.held_up: set[str] = set()

    async def refresh(self) -> None:
        """Learn anew which keys have dead letters."""
        self.held_up = await self._db.dead_letters.held_up(self._consumer)

    async def handle(self, message: Message, *, repeated: bool = False) -> Fate:
        """Run the handler in a transaction that also notes the message; raise what it raises.

        A message whose key has dead letters goes behind them. One that is known to be `repeated` is looked for in
        the inbox before the handler runs at all.
        """
        if repeated and await self._db.inbox.knows(self._consumer, message.id):
            return "duplicate"

        async def work() -> None:
            self._db.inbox.claim(self._consumer, message.id, message.key)
            if message.key in self.held_up:
                await self._db.unit_of_work().execute(_ASK)
            await self._handlers[message.type](message)
            _HANDLED.reached()

        try:
            await self._db.atomic(work)
        except Exception as error:
            if not _refused(error):
                raise
            known = await self._db.inbox.knows(self._consumer, message.id)
            return "duplicate" if known else await self._go_behind(message)
        self.held_up.discard(message.key)
        _COMMITTED.reached()
        return "handled"

    async def bury(self, message: Message, error: Exception, *, attempts: int) -> None:
        """Put the message with the dead letters because of `error`, unless the inbox knows it."""
        if message.key:
            self.held_up.add(message.key)

        async def work() -> None:
            if await self._db.inbox.first_time(self._consumer, message.id):
                await self._db.dead_letters.add(
                    message,
                    consumer=self._consumer,
                    error=reason_of(error),
                    attempts=attempts,
                    traceback=last_lines(error),
                )

        await self._db.atomic(work)
        _BURIED.reached()

    async def replay(self, letter: DeadLetter) -> None:
        """Run the handler on a dead letter in a transaction that also removes it; raise what it raises.

        Raises LetterGone when somebody else was faster.
        """
        message = letter.message
        if message.type not in self._handlers:
            raise UndecodableMessage(f"nothing handles {message.type} here", message)

        async def work() -> None:
            self._db.dead_letters.remove_with(letter)
            await self._handlers[message.type](message)
            await self._db.inbox.first_time(self._consumer, message.id)  # opens the transaction if nothing else did
            _REPLAYED.reached()

        await self._db.atomic(work)
        _REMOVED.reached()

    async def _go_behind(self, message: Message) -> Fate:
        """Keep the message behind the dead letters of its key, or handle it when they are gone by now."""
        self.held_up.add(message.key)

        async def work() -> Fate:
            if not await self._db.inbox.first_time(self._consumer, message.id):
                return "duplicate"
            if not (message.key and await self._db.dead_letters.add_behind(message, consumer=self._consumer)):
                raise _NothingAhead
            return "dead"

        try:
            fate = await self._db.atomic(work)
        except _NothingAhead:
            return await self.handle(message)
        _BURIED.reached()
        return fate


def _refused(error: BaseException | None) -> bool:
    """Tell whether it was not the message's turn, whatever the handler has made of that error."""
    while error is not None and not isinstance(error, NotItsTurn):
        error = error.__cause__ or error.__context__
    return error is not None


class _NothingAhead(Exception):
    """The dead letters of the key are gone meanwhile."""


def reason_of(error: BaseException) -> str:
    """Return an error in one line, as any database can store it."""
    return storable(f"{type(error).__name__}: {error}")


def last_lines(error: BaseException) -> str:
    """Return the end of the error's traceback."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return storable("\n".join(lines[-LINES:]))


def storable(text: str) -> str:
    """Return `text` without what PostgreSQL or UTF-8 cannot hold."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
