"""Dead letters tried again, or discarded, when an operator asks for it: in order per key, each effect once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from atoll.core import Clock
from atoll.core.context import use
from atoll.messaging.case import context_of
from atoll.messaging.causation import caused_by
from atoll.messaging.errors import LetterWaits, NoSuchLetter
from atoll.messaging.handling import Handling, last_lines, reason_of
from atoll.messaging.lanes import Lanes
from atoll.messaging.records import MessageHandled
from atoll.storage import Database, DeadLetter, LetterGone

PATIENCE_SECONDS: Final = 5.0
"""After so long a call returns and says where to go on, so that a caller hears from it."""
PAGE: Final = 100

_logger = logging.getLogger(__name__)


class FailedReplay(msgspec.Struct, frozen=True):
    """A letter whose handler failed again; it and those behind it stay."""

    id: str
    key: str
    error: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay. `after` is where to go on when there was not the time for all of it, else None."""

    handled: int
    failed: list[FailedReplay]
    after: int | None = None


class Replay:
    """The dead letters of one consumer, through its own handlers. May run beside the consumer, here and elsewhere."""

    def __init__(
        self,
        db: Database,
        consumer: str,
        handling: Handling,
        lanes: Lanes,
        *,
        clock: Clock,
        told: Callable[[object], None],
    ) -> None:
        self._letters = db.dead_letters
        self._consumer = consumer
        self._handling = handling
        self._lanes = lanes
        self._clock = clock
        self._told = told

    async def one(self, message_id: str) -> Replayed:
        """Replay this letter, and then those behind it. Raises NoSuchLetter, LetterWaits when it is not the first."""
        letter = await self._get(message_id)
        first = await self._letters.next_of(self._consumer, letter.key) if letter.key else letter
        if first is not None and first.seq < letter.seq:
            raise LetterWaits(
                f"{message_id} comes after {first.id}, which has the same key {letter.key!r}; "
                "replay or discard that first"
            )
        return await self._chain(letter)

    async def key(self, key: str) -> Replayed:
        """Replay the letters of a key, the first one first, until one fails. Raises NoSuchLetter."""
        letter = await self._letters.next_of(self._consumer, key) if key else None
        if letter is None:
            raise NoSuchLetter(f"{self._consumer} has no dead letter with the key {key!r}")
        return await self._chain(letter)

    async def all(self, *, after: int = 0) -> Replayed:
        """Replay all of them, going on with the next key where one fails; `after` as the call before said."""
        handled, failed, until = 0, list[FailedReplay](), self._clock.monotonic() + PATIENCE_SECONDS
        while firsts := await self._letters.firsts(self._consumer, after=after, limit=PAGE):
            for letter in firsts:
                done = await self._chain(letter, until=until)
                handled += done.handled
                failed += done.failed
                if done.after is not None or self._clock.monotonic() >= until:
                    return Replayed(handled=handled, failed=failed, after=letter.seq)
                after = letter.seq
        return Replayed(handled=handled, failed=failed)

    async def discard(self, message_id: str, reason: str) -> Replayed:
        """Remove a letter for good and, when it was the first, let those behind it go on that have not failed.

        Raises NoSuchLetter.
        """
        letter = await self._get(message_id)
        if not await self._letters.discard(letter):
            raise NoSuchLetter(f"somebody else has just replayed or discarded {message_id}")
        _logger.warning(
            "the dead letter %s (%s, key %r) is discarded: %s", letter.id, letter.message.type, letter.key, reason
        )
        behind = await self._letters.next_of(self._consumer, letter.key) if letter.key else None
        if behind is None or behind.seq < letter.seq or behind.attempts:
            return Replayed(handled=0, failed=[])
        return await self._chain(behind)

    async def _get(self, message_id: str) -> DeadLetter:
        letter = await self._letters.get(message_id)
        if letter is None or letter.consumer != self._consumer:
            raise NoSuchLetter(f"{self._consumer} has no dead letter {message_id}")
        return letter

    async def _chain(self, letter: DeadLetter | None, *, until: float | None = None) -> Replayed:
        """Replay `letter` and those behind it; `after` is not None when time ran out before the end."""
        until = self._clock.monotonic() + PATIENCE_SECONDS if until is None else until
        key = letter.key if letter is not None else ""
        handled = 0
        while letter is not None:
            async with self._lanes.turn(letter.key or f"dead letter {letter.id}"):
                error = await self._try(letter)
            if isinstance(error, LetterGone):
                error = None
            elif error is not None:
                return Replayed(handled=handled, failed=[FailedReplay(letter.id, letter.key, reason_of(error))])
            else:
                handled += 1
            letter = await self._letters.next_of(self._consumer, key) if key else None
            if letter is not None and self._clock.monotonic() >= until:
                return Replayed(handled=handled, failed=[], after=letter.seq)
        return Replayed(handled=handled, failed=[])

    async def _try(self, letter: DeadLetter) -> Exception | None:
        began, context = self._clock.monotonic(), context_of(letter.message)
        error: Exception | None = None
        try:
            with use(context), caused_by(letter.message.id):
                await self._handling.replay(letter)
        except LetterGone as gone:
            return gone
        except Exception as failure:  # noqa: BLE001 - kept with the letter, and told to the operator
            _logger.warning("the dead letter %s failed again: %r", letter.id, failure)
            await self._letters.note_failure(letter, error=reason_of(failure), traceback=last_lines(failure))
            error = failure
        self._told(
            MessageHandled(
                type=letter.message.type,
                consumer=self._consumer,
                outcome="handled" if error is None else "dead",
                seconds=self._clock.monotonic() - began,
                attempts=letter.attempts + 1,
                trace=context.trace,
            )
        )
        return error
