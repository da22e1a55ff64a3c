"""Following the feed: what is there, then what comes, without a gap or a repetition where the one becomes the other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from atoll.core.machine import machine
from atoll.eventstore.events import Position, RecordedEvent
from atoll.eventstore.port import EventLog, FeedSlice

POLL_SECONDS: Final = 0.5
"""How long a follower goes without looking when nothing was heard: word of another process may be lost."""

HELD_SECONDS: Final = 0.002
LONGEST_HELD_SECONDS: Final = 0.1
TOLD_SECONDS: Final = 5.0
"""How long the feed is held back before the log says by whom."""

_logger = logging.getLogger(__name__)


class Subscription:
    """An endless asynchronous iterator over events, or with `batches` over lists of them. It ends with its task.

    `position` is what has been handed out: keep it, and subscribe after it later. It moves on past events that do not
    match, too. `live` is True once everything was handed out that was there when it was asked for the last time.
    """

    def __init__(self, log: EventLog, part: FeedSlice) -> None:
        self._log = log
        self._part = part
        self.live = False

    @property
    def position(self) -> Position:
        """Everything up to here has been handed out."""
        return self._part.after

    async def __aiter__(self) -> AsyncIterator[RecordedEvent]:
        """Each event, in order. `position` is that of the page it came with: keep the event's own instead."""
        async for batch in self.batches():
            for event in batch:
                yield event

    async def batches(self) -> AsyncIterator[list[RecordedEvent]]:
        """Lists of events, never empty, as they come; `position` is that of the last one, or later."""
        await self._log.listen()
        hold = _Hold(self._log)
        while True:
            ticket = self._log.changed.ticket()
            page = await self._log.reader.feed(self._part)
            self._part = replace(self._part, after=page.position)
            self.live = len(page.events) < self._part.limit
            if page.events or not page.held:
                hold = _Hold(self._log)
            if page.events:
                yield page.events
            if self.live:
                await self._log.changed.wait(ticket, await hold.pause() if page.held else POLL_SECONDS)


class _Hold:
    """A time in which later events are committed, but none can be shown."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._since = machine().monotonic()
        self._pause = HELD_SECONDS / 2
        self._told = False

    async def pause(self) -> float:
        """Return how long to go without looking: longer each time. One that lasts is logged once."""
        if not self._told and machine().monotonic() - self._since > TOLD_SECONDS:
            self._told = True
            for each in await self._log.reader.blockers():
                _logger.warning(
                    "the feed of events has been held back for %.0f s by transaction %d of the process %d (%s, %s), "
                    "open for %.0f s: %s",
                    TOLD_SECONDS,
                    each.transaction,
                    each.pid,
                    each.application,
                    each.state,
                    each.seconds,
                    each.query,
                )
        self._pause = min(2 * self._pause, LONGEST_HELD_SECONDS)
        return self._pause
