"""Works on one partition of one generation: reads the feed, runs the handlers, keeps the checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from atoll.core.hooks import Hooks
from atoll.core.machine import chance
from atoll.eventstore import EventStore, Position, RecordedEvent
from atoll.eventstore.port import FeedPage, FeedSlice
from atoll.eventstore.signal import Signal
from atoll.eventstore.subscription import HELD_SECONDS, LONGEST_HELD_SECONDS, POLL_SECONDS
from atoll.projections import points
from atoll.projections.batches import Batches, EventFailed, passes
from atoll.projections.books import Books
from atoll.projections.declare import Projection, Reading
from atoll.projections.errors import LeaseLost
from atoll.projections.lifecycle import newest
from atoll.projections.rows import Generation, Part, highest, lowest, partition_of
from atoll.projections.view import View
from atoll.resilience import RetryPolicy, full_jitter

BACKOFF: Final = RetryPolicy(base=1.0, cap=60.0)
"""Between the tries of an event that stops a projection."""
PASSING: Final = RetryPolicy(base=0.02, cap=2.0)
"""Between the tries of a database that is away."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all workers of a process stand on.

    `moved` is set when a view has moved on, `near` when one that is built has; `nudged` makes those look that wait for
    a lease.
    """

    books: Books
    store: EventStore
    hooks: Hooks
    source: str
    moved: Signal
    near: Signal
    nudged: Signal


class Worker:
    """One partition. `reached` is how far the view includes the feed, as long as the lease is held."""

    def __init__(self, projection: Projection, reading: Reading, generation: Generation, part: int, on: Ground) -> None:
        self.generation = generation
        self.part = part
        self._projection = projection
        self._on = on
        self._books = on.books
        self._log = on.store.log
        self._clock = on.books.clock
        view = View(on.books.db, generation.views, generation.generation, source=on.source, clock=self._clock)
        self._batches = Batches(projection, reading, view, on.books, on.hooks)
        self._query = reading.query
        self._tenant = None if projection.every_tenant else on.store.tenant
        self._held: Part | None = None
        self._reached = Position()
        self._renewed = 0.0
        self._first = True
        self._pause = HELD_SECONDS
        self.look = False

    @property
    def reached(self) -> Position | None:
        """How far it is, None while another process works on the partition."""
        return None if self._held is None else self._reached

    async def run(self) -> None:
        """Go on until cancelled: claim the partition when nobody holds it, and work on it."""
        trouble = 0
        while True:
            try:
                ticket = self._on.nudged.ticket()
                if not await self._hold():
                    await self._on.nudged.wait(ticket, self._books.lease_seconds / 3)
                    continue
                trouble = 0
                await self._work()
            except LeaseLost as lost:
                _logger.info("%s", lost)
                self._held = None
            except Exception as error:
                trouble += 1
                if passes(error):
                    _logger.warning("%s is held up, and tried again: %s", self._title, error)
                else:
                    _logger.exception("%s has failed, and is tried again", self._title)
                await self._clock.sleep(full_jitter(PASSING, trouble, chance))

    async def leave(self) -> None:
        """Let others take the partition at once."""
        held, self._held = self._held, None
        if held is not None:
            await self._books.release(held)

    async def _hold(self) -> bool:
        """Take the partition, or look again at what is held."""
        name, generation = self._projection.name, self.generation.generation
        if self._held is not None:
            await self._look(self._held)
            return True
        held = await self._books.claim(name, generation, self.part, again=self._first)
        self._first = False
        if held is not None:
            points.CLAIMED.reached()
            self._reached = held.position
            await self._take(held)
        return held is not None

    async def _take(self, held: Part) -> None:
        self._held, self._renewed = held, self._clock.monotonic()
        self._reached = max(self._reached, held.position)
        await self._batches.take(held)

    async def _work(self) -> None:
        while True:
            ticket = self._log.changed.ticket()
            held = await self._current()
            if held.failed_id and (left := held.retry_at - self._clock.now()) > 0:
                await self._log.changed.wait(ticket, min(left, self._books.lease_seconds / 3))
                continue
            bound = await self._bound()
            self._batches.generation = self.generation
            await self._batches.replay_decided(held)
            page = await self._page(bound)
            full = len(page.events) >= self._projection.batch
            await self._handle(held, page, near=bound is not None and not full)
            if not full:
                await self._rest(ticket, held_back=page.held)

    async def _current(self) -> Part:
        """Return the row of the partition, read again when it is time to prolong the lease, or to look."""
        held = self._held
        if held is None:
            raise LeaseLost(self._projection.name, self.part)
        if self.look or self._clock.monotonic() - self._renewed >= self._books.lease_seconds / 3:
            self.look = False
            held = await self._look(held)
        return held

    async def _look(self, held: Part) -> Part:
        """Prolong the lease and learn what others have changed; note how far it is where no event was ours."""
        row = await self._books.again(held)
        if self._reached > row.position and not row.failed_id:
            await self._batches.note(row, self._reached, near=row.near)
            row = msgspec.structs.replace(row, position=self._reached)
        await self._take(row)
        return row

    async def _bound(self) -> Position | None:
        """Return how far a generation may go that is being built, None for the live one."""
        if self.generation.state == "live":
            return None
        name = self._projection.name
        generations = await self._books.generations(name)
        mine = next((each for each in generations if each.generation == self.generation.generation), None)
        live = newest(generations, "live")
        if mine is None or mine.state == "retired" or live is None:
            raise LeaseLost(name, self.part)
        self.generation = mine
        if mine.state == "live":
            return None
        return highest(mine.gate) if mine.closing else lowest(await self._books.parts(name, live.generation))

    async def _page(self, bound: Position | None) -> FeedPage:
        part = FeedSlice(tenant=self._tenant, limit=self._projection.batch, query=self._query, after=self._reached)
        page = await self._log.reader.feed(part)
        if bound is None or page.position <= bound:
            return page
        events = [each for each in page.events if each.position <= bound]
        return FeedPage(position=max(bound, self._reached), events=events)

    async def _handle(self, held: Part, page: FeedPage, *, near: bool) -> None:
        mine = [each for each in page.events if self._is_mine(each)]
        if mine:
            await self._handle_all(held, mine, page.position, near=near)
        elif self.generation.state == "building":
            if page.position > held.position or near != held.near:
                await self._batches.note(held, page.position, near=near)
                self._moved(page.position, near=near)
        elif page.position > self._reached:
            self._reached = page.position
            self._on.moved.set()

    async def _handle_all(self, held: Part, events: Sequence[RecordedEvent], end: Position, *, near: bool) -> None:
        """Handle events in as few transactions as may be: one that fails, alone."""
        most = len(events)
        while events:
            some = events[:most]
            last = len(some) == len(events)
            try:
                done = await self._batches.handle(held, some, end if last else some[-1].position, near=near and last)
            except EventFailed as failed:
                if failed.place:
                    most = failed.place
                    continue
                if not await self._failed(held, failed):
                    return
                done, last = 1, False
            whole = last and done == len(some)
            self._moved(end if whole else some[done - 1].position, near=near and whole)
            events = events[done:]
            most = len(events)

    async def _failed(self, held: Part, failed: EventFailed) -> bool:
        """Park the event, or stop at it; tell whether to go on with the next one."""
        if self._projection.on_failure == "park":
            await self._batches.park(held, failed)
            return True
        attempts = held.attempts + 1 if held.failed_id == failed.event.id else 1
        retry_at = self._clock.now() + full_jitter(BACKOFF, attempts, chance)
        await self._batches.stop(held, failed, attempts=attempts, retry_at=retry_at)
        self.look = True
        return False

    def _moved(self, position: Position, *, near: bool) -> None:
        self._reached = position
        self._renewed = self._clock.monotonic()
        if self._held is not None:
            self._held = msgspec.structs.replace(
                self._held, position=position, near=near, failed_id="", attempts=0, discarded=""
            )
        self._on.moved.set()
        if self.generation.state == "building":
            self._on.near.set()

    @property
    def _title(self) -> str:
        return f"projection {self._projection.name}, partition {self.part},"

    def _is_mine(self, event: RecordedEvent) -> bool:
        return partition_of(self._projection.key(event), self.generation.partitions) == self.part

    async def _rest(self, ticket: int, *, held_back: bool) -> None:
        """Wait for the next event: word of another process may be lost, and of one that is held back there is none."""
        if not held_back:
            self._pause = HELD_SECONDS
        wait = self._pause if held_back else min(POLL_SECONDS, self._books.lease_seconds / 3)
        await self._log.changed.wait(ticket, wait)
        self._pause = min(2 * self._pause, LONGEST_HELD_SECONDS) if held_back else HELD_SECONDS
