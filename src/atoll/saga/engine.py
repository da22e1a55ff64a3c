"""Runs a service's sagas: starts, attaches, renews leases, resumes what a crash left behind."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any, Final

import msgspec

from atoll.contracts import UnknownProblem, problem_from
from atoll.core import context as contexts
from atoll.core.clock import Clock, SystemClock
from atoll.core.context import Context, Principal
from atoll.core.errors import DeclarationError, http_status
from atoll.core.hooks import Hooks
from atoll.core.ids import derived_id, new_id
from atoll.core.machine import machine
from atoll.saga.declare import ENGINE, SagaDefinition, definition_of, is_saga
from atoll.saga.errors import KeyReused, LeaseLost, SagaFailed, SagaGivenUp, SagaParked, SagaRunning
from atoll.saga.journal import ENDED, Journal, Lease, SagaRow, Status
from atoll.saga.records import SagaFinished
from atoll.saga.run import Interrupted, Park, Run, Surroundings, Unwind
from atoll.saga.steps import Saga
from atoll.storage import Database, in_transaction

LEASE_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 0.05
"""Left of a caller's time for the answer that the saga is still running."""

_logger = logging.getLogger(__name__)


class SagaEngine:
    """The sagas of one service. `owner` names this process's slot: after a restart the same slot resumes at once,
    another one when the lease has run out. Every write is fenced by the saga's epoch.
    """

    def __init__(
        self,
        db: Database,
        *,
        owner: str,
        hooks: Hooks | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        clock = clock or SystemClock()
        self.journal = Journal(db, clock, owner=owner, lease_seconds=lease_seconds)
        self._around = Surroundings(
            journal=self.journal,
            hooks=hooks or Hooks(),
            clock=clock,
            random=random or Random(machine().random_bytes(16)),
        )
        self._db = db
        self._service: object = None
        self._definitions: dict[str, SagaDefinition] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._leases: dict[str, Lease] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    def bind(self, service: object) -> None:
        """Serve the methods of `service` that are declared with `@saga`."""
        self._service = service
        setattr(service, ENGINE, self)
        for name in dir(type(service)):
            if is_saga(method := getattr(type(service), name)):
                definition = definition_of(method)
                self._definitions[definition.name] = definition

    async def prepare(self) -> None:
        """Make the journal's tables; from then on sagas may be started."""
        await self.journal.prepare()

    async def open(self) -> None:
        """Resume what is ours, and keep leases alive until `close`."""
        if self._definitions:
            await self._resume()
            self._keeper = asyncio.create_task(self._keep(), name="saga-leases")

    async def close(self) -> None:
        """Stop working. Open sagas stay in the journal and go on after the next start."""
        self._stopping = True
        tasks = [*self._running.values(), *([self._keeper] if self._keeper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def call(self, definition: SagaDefinition, request: Any) -> Any:
        """Start the saga, or attach to the one under the context's idempotency key, and wait for its outcome."""
        if in_transaction():
            raise DeclarationError(
                f"saga {definition.name} was called within a transaction; use `await self.start(...)` to start "
                "it with the commit"
            )
        context = contexts.current()
        row = self._new_row(definition, request, self._id_for(definition, context), context)
        async with self._db.transaction("read committed"):
            if await self.journal.add(row):
                self._db.unit_of_work().after_commit(lambda: self._spawn(row))
        await self._wait(row.id, context)
        ended = await self.journal.get(row.id)
        return _outcome(definition, row, ended)

    async def start(self, definition: SagaDefinition, request: Any, *, id: str) -> None:  # noqa: A002
        """Start the saga `id` with the commit of the unit of work in hand; one that is there already goes on."""
        row = self._new_row(definition, request, id, contexts.current())
        if await self.journal.add(row):
            self._db.unit_of_work().after_commit(lambda: self._spawn(row))

    def _id_for(self, definition: SagaDefinition, context: Context) -> str:
        if context.idempotency_key is None:
            return new_id()
        subject = context.principal.subject if context.principal else ""
        return derived_id(definition.name, subject, context.idempotency_key)

    def _new_row(self, definition: SagaDefinition, request: Any, saga_id: str, context: Context) -> SagaRow:
        now = self._around.clock.now()
        return SagaRow(
            id=saga_id,
            name=definition.name,
            status="running",
            input=msgspec.json.encode(request).decode(),
            subject=context.principal.subject if context.principal else "",
            roles=sorted(context.principal.roles) if context.principal else [],
            traceparent=context.trace.traceparent,
            request_id=context.request_id,
            owner=self.journal.owner,
            epoch=1,
            lease_until=now + self.journal.lease_seconds,
            started_at=now,
        )

    async def _wait(self, saga_id: str, context: Context) -> None:
        while (task := self._running.get(saga_id)) is not None:
            left = context.remaining()
            done, _ = await asyncio.wait({task}, timeout=None if left is None else left - ANSWER_SECONDS)
            if not done:
                raise SagaRunning(saga_id, f"saga {saga_id} is still running; ask again with the same key")

    def _spawn(self, row: SagaRow) -> None:
        if self._stopping or row.id in self._running:
            return
        self._leases[row.id] = Lease(row.id, row.epoch)
        task = asyncio.create_task(self._guarded(row), name=f"saga-{row.name}-{row.id}")
        self._running[row.id] = task
        task.add_done_callback(lambda _: self._forget(row.id))

    def _forget(self, saga_id: str) -> None:
        self._running.pop(saga_id, None)
        self._leases.pop(saga_id, None)

    async def _guarded(self, row: SagaRow) -> None:
        try:
            with contexts.use(_context_of(row)):
                await self._run(row)
        except LeaseLost as error:
            _logger.warning("%s", error)
        except Interrupted as error:
            _logger.warning("saga %s (%s) stopped and will be resumed: %s", row.id, row.name, error.__cause__)
        except Exception:
            _logger.exception("saga %s (%s) stopped and will be resumed", row.id, row.name)

    async def _run(self, row: SagaRow) -> None:
        definition = self._definitions[row.name]
        run = Run(row, await self.journal.steps(row.id) if row.epoch > 1 else [], self._around)
        request = msgspec.json.decode(row.input, type=definition.input)
        error: BaseException = Unwind()
        try:
            result = msgspec.json.encode(await definition.function(self._service, Saga(run), request)).decode()
        except (LeaseLost, asyncio.CancelledError):
            raise
        except Park as park:
            return await self._park(run, park)
        except (Exception, Unwind) as failure:  # noqa: BLE001 - the cause of the compensation, kept
            error = failure
        else:
            if not run.compensating:
                return await self._end(run, "completed", result)
        try:
            await run.turn(error)
            await run.compensate()
        except Park as park:
            return await self._park(run, park)
        return await self._end(run, "compensated")

    async def _park(self, run: Run, park: Park) -> None:
        _logger.error("saga %s (%s) is parked: %s", run.row.id, run.row.name, park.__cause__)
        await run.turn(park.__cause__ or park)
        await self._end(run, "parked")

    async def _end(self, run: Run, status: Status, result: str | None = None) -> None:
        async with self._db.transaction("read committed"):
            await self.journal.end(run.lease, status, result=result)
        seconds = self._around.clock.now() - run.row.started_at
        trace = contexts.current().trace
        self._around.hooks.emit(SagaFinished(name=run.row.name, outcome=status, seconds=seconds, trace=trace))  # type: ignore[arg-type]

    async def _keep(self) -> None:
        while True:
            await self._around.clock.sleep(self.journal.lease_seconds / 3)
            try:
                if self._leases:
                    await self.journal.renew(list(self._leases.values()))
                await self._resume()
            except Exception:
                _logger.exception("the leases of the sagas could not be renewed")

    async def _resume(self) -> None:
        for saga_id in await self.journal.claimable():
            if saga_id not in self._running and (row := await self.journal.claim(saga_id)) is not None:
                if row.name in self._definitions:
                    _logger.info("resuming saga %s (%s)", row.id, row.name)
                    self._spawn(row)
                else:
                    _logger.error("saga %s is called %s, which this version does not have", row.id, row.name)


def _context_of(row: SagaRow) -> Context:
    context = contexts.extract({"traceparent": row.traceparent, "x-request-id": row.request_id})
    if not row.subject:
        return context
    principal = Principal(subject=row.subject, roles=frozenset(row.roles))
    return msgspec.structs.replace(context, principal=principal)


def _outcome(definition: SagaDefinition, asked: SagaRow, row: SagaRow | None) -> Any:
    if row is None or row.status not in ENDED:
        raise SagaRunning(asked.id, f"saga {asked.id} is still running; ask again with the same key")
    if row.input != asked.input:
        raise KeyReused(row.id, "this idempotency key was used for another request; use a new key")
    if row.status == "completed":
        return msgspec.json.decode(row.result or "null", type=definition.result)
    if row.status == "parked":
        raise SagaParked(row.id, f"saga {row.id} is parked until an operator decides")
    problem = problem_from(msgspec.json.decode(row.cause or "{}", type=dict[str, Any]))
    if isinstance(problem, UnknownProblem):
        raise _failure(row, problem)
    raise problem


def _failure(row: SagaRow, problem: UnknownProblem) -> SagaFailed:
    if problem.received.get("status") == http_status("unavailable"):
        return SagaGivenUp(row.id, f"{problem.detail}; everything was undone, so try again later with a new key")
    return SagaFailed(row.id, f"saga {row.id} failed and was undone: {problem.detail}")
