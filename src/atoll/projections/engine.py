"""Runs the projections of one service process, and does what an operator asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from atoll.core.clock import Clock, SystemClock
from atoll.core.errors import AtollError, DeclarationError
from atoll.core.hooks import Hooks
from atoll.eventstore import EventStore, Position
from atoll.eventstore.signal import Signal
from atoll.projections.books import Books
from atoll.projections.declare import Projection, Reading, views_of
from atoll.projections.errors import NotPossible, ProjectionBehind, ProjectionError, UnknownProjection
from atoll.projections.lag import Lags
from atoll.projections.lifecycle import Lifecycle, newest
from atoll.projections.overview import Overview, overview_of
from atoll.projections.rows import Decision, Generation, Parked, lowest
from atoll.projections.waiting import Inclusion, Place
from atoll.projections.worker import Ground, Worker
from atoll.storage import Database
from atoll.storage.unit_of_work import ambient_unit

LEASE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.05
"""How often it is looked whether another process has brought a view on."""

_logger = logging.getLogger(__name__)


class ProjectionEngine:
    """The projections of one service: their views in `db`, their events from `store`.

    `owner` names a slot of which one process at a time is alive; `source` is who emits their events. With several
    replicas each partition is worked on by one of them, and by another within two `lease_seconds` when that one dies.
    """

    def __init__(
        self,
        db: Database,
        store: EventStore,
        projections: Iterable[Projection],
        *,
        owner: str,
        source: str = "",
        hooks: Hooks | None = None,
        clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.projections = {each.name: each for each in projections}
        self._readings = {name: Reading(each) for name, each in self.projections.items()}
        self.books = Books(db, clock or SystemClock(), owner=owner, lease_seconds=lease_seconds)
        self._store = store
        self._ground = Ground(
            books=self.books,
            store=store,
            hooks=hooks or Hooks(),
            source=source,
            moved=Signal(),
            near=Signal(),
            nudged=Signal(),
        )
        self._lives = {name: Lifecycle(each, self.books, store) for name, each in self.projections.items()}
        self._including = {name: Inclusion(each, store) for name, each in self.projections.items()}
        self._lags = Lags(self.books, store, self._ground.hooks)
        self._workers: dict[tuple[str, int, int], tuple[Worker, asyncio.Task[None]]] = {}
        self._keeper: asyncio.Task[None] | None = None
        for each in self.projections.values():
            each.engine = self
        _refuse_shared_names(self.projections.values())

    async def start(self) -> None:
        """Make the bookkeeping and what views are missing, and begin to work.

        Raises what is wrong with a view, and NoRight where the service's role may not make its tables.
        """
        if not self.projections:
            return
        await self.books.prepare()
        await self._store.log.listen()
        for name in self.projections:
            await self._look(name)
        self._keeper = asyncio.create_task(self._keep(), name="projections")

    async def stop(self) -> None:
        """Finish or undo what is under way, and let others go on at once. Idempotent."""
        keeper, self._keeper = self._keeper, None
        workers, self._workers = list(self._workers.values()), {}
        tasks = [task for _, task in workers] + ([keeper] if keeper else [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker, _ in workers:
            try:
                await worker.leave()
            except AtollError as error:
                _logger.info("a partition's lease is left to run out: %s", error)

    async def wait_for(self, name: str, position: Position, timeout: float) -> None:
        """Return when the live view includes `position`; see `Projection.wait_for`."""
        self._known(name)
        if (unit := ambient_unit()) is not None and unit.is_open and unit.database is self.books.db:
            raise ProjectionError(f"wait for {name} after the unit of work: within it the projection waits for you")
        until = self.books.clock.monotonic() + timeout
        while True:
            ticket = self._ground.moved.ticket()
            parts = await self.books.live_parts(name)
            if await self._including[name].holds(parts, self._reached(name), position):
                return
            if (left := until - self.books.clock.monotonic()) <= 0:
                why = await self._why(name)
                raise ProjectionBehind(name, position, lowest(parts) if parts else Position(), timeout, why)
            await self._ground.moved.wait(ticket, min(left, LOOK_SECONDS))

    async def next_look(self) -> None:
        """Return when a view has moved on, or may have."""
        await self._ground.moved.wait(self._ground.moved.ticket(), LOOK_SECONDS)

    async def overview(self) -> list[Overview]:
        """Return how each projection is doing, in the order they are declared."""
        return [await overview_of(each, self.books, self._lags) for each in self.projections.values()]

    async def parked(self, name: str) -> list[Parked]:
        """Return the parked events of a projection, oldest first. Raises UnknownProjection."""
        self._known(name)
        return await self.books.parked(name)

    async def rebuild(self, name: str) -> int:
        """Begin to build the view anew beside the live one, and switch when it is there; return its generation.

        Raises UnknownProjection, NotPossible while it is being rebuilt, and NoRight.
        """
        self._known(name)
        generation = await self._lives[name].rebuild()
        await self._look(name)
        return generation

    async def pause(self, name: str) -> None:
        """Let nobody write the view until `resume`; it can be read. Idempotent."""
        self._known(name)
        await self.books.pause(name, paused=True)

    async def resume(self, name: str) -> None:
        """Go on where it was paused. Idempotent."""
        self._known(name)
        await self.books.pause(name, paused=False)
        self._ground.nudged.set()

    async def decide(self, name: str, decision: Decision, *, event_id: str = "") -> int:
        """Have what is stopped or parked tried again, or one event of it passed over; return how many events that is.

        Whoever works on them does it, in order per key. Raises UnknownProjection, and NotPossible for none.
        """
        self._known(name)
        if decision == "discard" and not event_id:
            raise NotPossible("name the event that is to be discarded")
        rows = [each for each in await self.books.parked(name) if event_id in ("", each.event_id)]
        count = await self.books.decide_stopped(name, event_id, decision)
        count += await self.books.decide(decision, rows) if rows else 0
        if not count:
            what = f"has no event {event_id} that is" if event_id else "has nothing that is"
            raise NotPossible(f"{name} {what} stopped or parked; see: atoll projections show {name}")
        self._poke(name)
        return count

    def _poke(self, name: str) -> None:
        for (owner, _, _), (worker, _) in self._workers.items():
            if owner == name:
                worker.look = True
        self._store.log.changed.set()

    def _reached(self, name: str) -> dict[Place, Position]:
        return {
            (generation, part): worker.reached
            for (owner, generation, part), (worker, _) in self._workers.items()
            if owner == name and worker.reached is not None
        }

    async def _why(self, name: str) -> str:
        found = await overview_of(self.projections[name], self.books, self._lags)
        if found.error:
            return f"it has stopped at {found.failed_at} ({found.error})"
        return {"paused": "it is paused", "outdated": "it is run by newer code only"}.get(found.state, "it is behind")

    async def _keep(self) -> None:
        while True:
            ticket = self._ground.near.ticket()
            for name in self.projections:
                try:
                    await self._look(name)
                    await self._lags.tell(name, self._readings[name].query, self.projections[name])
                except Exception:
                    _logger.exception("the projection %s could not be looked after, which is tried again", name)
            await self._ground.near.wait(ticket, self.books.lease_seconds / 3)

    async def _look(self, name: str) -> None:
        generations = await self._lives[name].look()
        projection = self.projections[name]
        if (live := newest(generations, "live")) is not None and live.version > projection.version:
            _logger.warning("%s is version %s here, older than the view's (%s)", name, projection.version, live.version)
        here = [each for each in generations if each.version == projection.version and each.state != "retired"]
        await self._work_on(name, here)

    async def _work_on(self, name: str, generations: Sequence[Generation]) -> None:
        """Have a worker for each partition of these generations, and for no other."""
        wanted = {(name, each.generation, part): each for each in generations for part in range(each.partitions)}
        for place in [each for each in self._workers if each[0] == name and each not in wanted]:
            _, task = self._workers.pop(place)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for place, generation in wanted.items():
            if place not in self._workers:
                worker = Worker(self.projections[name], self._readings[name], generation, place[2], self._ground)
                self._workers[place] = worker, asyncio.create_task(worker.run(), name=f"projection-{name}-{place[2]}")
        self._ground.moved.set()

    def _known(self, name: str) -> None:
        if name not in self.projections:
            raise UnknownProjection(name, self.projections)


def _refuse_shared_names(projections: Iterable[Projection]) -> None:
    owners: dict[str, str] = {}
    for each in projections:
        for view in views_of(each.tables):
            if (other := owners.setdefault(view, each.name)) != each.name:
                raise DeclarationError(f"{other} and {each.name} both have a table {view}; rename one")
