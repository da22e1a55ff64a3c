"""Working on one saga until it ends or rests: its code forward, then compensation if that is what it comes to."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from atoll.core import context as contexts
from atoll.saga import points
from atoll.saga.attempts import Surroundings
from atoll.saga.declare import SagaDefinition
from atoll.saga.errors import LeaseLost, SagaChanged
from atoll.saga.events import HeardEvents
from atoll.saga.failures import Park, Rest, Unwind, document_of
from atoll.saga.records import SagaFinished
from atoll.saga.rows import Lease, SagaRow, Status, Stuck
from atoll.saga.run import Run, interrupting
from atoll.saga.steps import Saga
from atoll.saga.waits import Waits

_logger = logging.getLogger(__name__)


class Worker:
    """Runs the sagas of `service`."""

    def __init__(self, around: Surroundings, events: HeardEvents) -> None:
        self.service: object = None
        self._around = around
        self._journal = around.journal
        self._events = events

    async def work(self, row: SagaRow, lease: Lease, definition: SagaDefinition) -> SagaRow | None:
        """Return the saga as it has ended; None when it rests. Raises LeaseLost, Interrupted."""
        recorded = await self._journal.steps(row.id) if row.epoch > 1 else []
        run = Run(row, lease, recorded, self._around)
        try:
            return await self._through(run, definition)
        except Park as park:
            return await self._park(run, park)
        except Rest:
            return None

    async def _through(self, run: Run, definition: SagaDefinition) -> SagaRow:
        saga = Saga(run, Waits(run, self._events, definition.waits_for))
        request = msgspec.json.decode(run.row.input, type=definition.input)
        error: BaseException = Unwind()
        try:
            result = msgspec.json.encode(await definition.function(self.service, saga, request)).decode()
        except (LeaseLost, asyncio.CancelledError):
            raise
        except (Exception, Unwind) as failure:  # noqa: BLE001 - the cause of the compensation, kept
            error = failure
        else:
            self._check(run)
            if not run.compensating:
                return await self._end(run, "completed", result=result)
        if run.pivoted and not run.compensating:
            raise Park(error) from error
        await run.turn(error)
        await run.compensate()
        return await self._end(run, "compensated", cause=run.cause)

    def _check(self, run: Run) -> None:
        try:
            run.recorded.check_all_reached()
        except SagaChanged as error:
            raise Park(error) from error

    async def _park(self, run: Run, park: Park) -> SagaRow:
        _logger.error("saga %s (%s) is parked: %s", run.row.id, run.row.name, park)
        step = park.step
        stuck = Stuck(step="" if step is None else step.name, kind=park.kind, error=document_of(park.error))

        async def work() -> None:
            if step is not None:
                self._journal.record(run.lease, step)
            self._journal.end(run.lease, "parked", stuck=stuck)

        with interrupting():
            await self._journal.writing(run.lease, work)
        return self._ended(run, "parked", None, None)

    async def _end(self, run: Run, status: Status, *, result: str | None = None, cause: str | None = None) -> SagaRow:
        async def work() -> None:
            self._journal.db.unit_of_work().relax()
            self._journal.end(run.lease, status, result=result)

        with interrupting():
            await self._journal.writing(run.lease, work)
        return self._ended(run, status, result, cause)

    def _ended(self, run: Run, status: Status, result: str | None, cause: str | None) -> SagaRow:
        points.ENDED.reached()
        seconds = self._around.clock.now() - run.row.started_at
        trace = contexts.current().trace
        self._around.hooks.emit(SagaFinished(name=run.row.name, outcome=status, seconds=seconds, trace=trace))  # type: ignore[arg-type]
        return msgspec.structs.replace(run.row, status=status, result=result, cause=cause)
