"""Events into the view: many in one transaction, with the checkpoint, under the lease."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from atoll.core.hooks import Hooks
from atoll.core.machine import machine
from atoll.eventstore import Position, RecordedEvent
from atoll.projections import points
from atoll.projections.books import Books
from atoll.projections.declare import Projection, Reading
from atoll.projections.errors import LeaseLost
from atoll.projections.records import EventsProjected, ProjectionFailed
from atoll.projections.rows import Generation, Parked, Part, is_open
from atoll.projections.view import View
from atoll.storage import StorageError

LONGEST_SECONDS: Final = 0.25
"""After so long a transaction is committed, however many events are left: others want to write, too."""

_logger = logging.getLogger(__name__)


class EventFailed(Exception):
    """A handler has raised, at the event in this place of its batch; nothing of the batch was done.

    When it is the commit that failed, the place is where to cut the batch in two.
    """

    def __init__(self, place: int, event: RecordedEvent, error: Exception) -> None:
        self.place = place
        self.event = event
        self.error = error
        super().__init__(f"{event.type} {event.id}")

    @property
    def reason(self) -> str:
        """The error in one line, as any database can store it."""
        return reason_of(self.error)


class Batches:
    """The events of one partition into its view. `generation` is the one that is written."""

    generation: Generation

    def __init__(self, projection: Projection, reading: Reading, view: View, books: Books, hooks: Hooks) -> None:
        self._projection = projection
        self._reading = reading
        self._view = view
        self._books = books
        self._db = books.db
        self._hooks = hooks
        self._parked: dict[str, bool] = {}

    async def take(self, held: Part) -> None:
        """Learn which keys have parked events."""
        self._parked = await self._books.parked_keys(held)

    async def handle(self, held: Part, events: Sequence[RecordedEvent], end: Position, *, near: bool) -> int:
        """Handle events in one transaction; return how many: all, which brings it to `end`, or the first ones.

        Raises EventFailed, LeaseLost, and what passes by itself.
        """
        began, done = machine().monotonic(), 0
        try:
            async with self._db.transaction("read committed"):
                await self._books.fence(held)
                for event in events:
                    await self._one(held, event)
                    done += 1
                    if machine().monotonic() - began > LONGEST_SECONDS:
                        break
                points.HANDLED.reached()
                whole = done == len(events)
                self._books.checkpoint(held, end if whole else events[done - 1].position, near=near and whole)
        except Exception as error:
            if passes(error) or isinstance(error, LeaseLost):
                raise
            place = done if done < len(events) else len(events) // 2  # the commit failed: look for the one it is for
            raise EventFailed(place, events[place], error) from error
        points.COMMITTED.reached()
        self._told(done, began)
        return done

    async def note(self, held: Part, position: Position, *, near: bool) -> None:
        """Note that all up to `position` is done. Raises LeaseLost."""
        async with self._db.transaction("read committed"):
            await self._books.fence(held)
            self._books.checkpoint(held, position, near=near)

    async def park(self, held: Part, failed: EventFailed) -> None:
        """Put an event that failed aside, and go on behind it. Raises LeaseLost."""
        key = self._projection.key(failed.event)
        async with self._db.transaction("read committed"):
            await self._books.fence(held)
            await self._books.park(held, key, failed.event, failed.reason)
            self._books.checkpoint(held, failed.event.position, near=False)
        points.PARKED.reached()
        self._parked[key] = False
        _logger.error("projection %s parked %s: %s", held.name, failed, failed.reason, exc_info=failed.error)
        self._hooks.emit(ProjectionFailed(projection=held.name, outcome="parked"))

    async def stop(self, held: Part, failed: EventFailed, *, attempts: int, retry_at: float) -> None:
        """Note that nothing goes on before this event does. Raises LeaseLost."""
        await self._books.stopped(held, failed.event, failed.reason, attempts=attempts, retry_at=retry_at)
        _logger.error("projection %s has stopped at %s: %s", held.name, failed, failed.reason, exc_info=failed.error)
        self._hooks.emit(ProjectionFailed(projection=held.name, outcome="stopped"))

    async def replay_decided(self, held: Part) -> None:
        """Do what an operator has decided about parked events, in order per key. Raises LeaseLost, and what passes."""
        for key in [key for key, decided in self._parked.items() if decided]:
            await self._replay(held, key)

    async def _replay(self, held: Part, key: str) -> None:
        while rows := await self._books.parked_of(held, key):
            for row in rows:
                try:
                    await self._again(held, row)
                except EventFailed as failed:
                    await self._books.failed_again(held, row, failed.reason)
                    self._parked[key] = False
                    return
        del self._parked[key]

    async def _again(self, held: Part, row: Parked) -> None:
        """Handle a parked event, or forget it where that is decided; those behind it go on of themselves."""
        try:
            async with self._db.transaction("read committed"):
                await self._books.fence(held)
                await self._books.unpark(row)
                if row.decision != "discard":
                    await self._apply(row.event, row.key)
                points.REPLAYED.reached()
        except Exception as error:
            if passes(error) or isinstance(error, LeaseLost):
                raise
            raise EventFailed(0, row.event, error) from error

    async def _one(self, held: Part, event: RecordedEvent) -> None:
        if event.id == held.discarded:
            return
        key = self._projection.key(event)
        if key in self._parked:
            await self._books.park(held, key, event, "")
        else:
            await self._apply(event, key)

    async def _apply(self, event: RecordedEvent, key: str) -> None:
        gate = self.generation.gate
        live = self.generation.state == "live" or self.generation.closing
        await self._reading.apply(event, self._view.at(event, live=live and is_open(gate, key, event.position)))

    def _told(self, events: int, began: float) -> None:
        seconds = machine().monotonic() - began
        self._hooks.emit(EventsProjected(projection=self._projection.name, events=events, seconds=seconds))


def passes(error: BaseException) -> bool:
    """Tell whether an error is no fault of the event: the database was away, full or busy."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, StorageError) and seen.retryable:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def reason_of(error: BaseException) -> str:
    """Return an error in one line, as any database can store it."""
    text = f"{type(error).__name__}: {error}"
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
