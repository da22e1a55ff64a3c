"""The sagas of one service: started, attached to, worked on, and taken over from whoever cannot go on."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any, Final

import msgspec

from atoll.contracts import Event, Message
from atoll.core import context as contexts
from atoll.core.clock import Clock, SystemClock
from atoll.core.context import Context, Principal
from atoll.core.errors import DeclarationError
from atoll.core.hooks import Hooks
from atoll.core.ids import derived_id, new_id
from atoll.core.machine import machine
from atoll.saga import points
from atoll.saga.attempts import Surroundings
from atoll.saga.callers import Callers
from atoll.saga.claims import Claims
from atoll.saga.decisions import Decisions
from atoll.saga.declare import ENGINE, SagaDefinition, sagas_of
from atoll.saga.errors import LeaseLost
from atoll.saga.events import HeardEvents
from atoll.saga.failures import Interrupted
from atoll.saga.in_hand import InHand
from atoll.saga.journal import Journal
from atoll.saga.keeper import Keeper
from atoll.saga.lookout import Lookout
from atoll.saga.outcome import outcome_of
from atoll.saga.rows import Lease, SagaRow
from atoll.saga.work import Worker
from atoll.storage import Database, in_transaction

LEASE_SECONDS: Final = 10.0

_logger = logging.getLogger(__name__)


class SagaEngine:
    """The sagas of one service. `owner` names this process's slot, for people.

    Every write is fenced by the saga's epoch; a saga is taken over at once when its process is known to be gone, else
    when its lease has run out.
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
        self.claims = Claims(self.journal)
        self.events = HeardEvents(db, clock)
        self.definitions: dict[tuple[str, int], SagaDefinition] = {}
        self._in_hand = InHand(self._work)
        self.decisions = Decisions(self.journal, self.definitions, self._in_hand.take_up)
        around = Surroundings(
            journal=self.journal,
            hooks=hooks or Hooks(),
            clock=clock,
            random=random or Random(machine().random_bytes(16)),
        )
        self._db = db
        self._clock = clock
        self._worker = Worker(around, self.events)
        self._callers = Callers(self.journal, self._in_hand)
        self._lookout = Lookout(clock)
        self._keeper = Keeper(self.journal, self.claims, self.events, self.definitions, self._in_hand, self._lookout)
        self._keeping: asyncio.Task[None] | None = None

    def bind(self, service: object) -> None:
        """Serve the methods of `service` that are declared with `@saga`."""
        self._worker.service = service
        setattr(service, ENGINE, self)
        for definition in sagas_of(type(service)):
            self.definitions[definition.name, definition.version] = definition

    @property
    def service(self) -> object:
        """What `bind` was given."""
        return self._worker.service

    @property
    def waits_for(self) -> tuple[type[Event], ...]:
        """The events that the sagas wait for; the service's consumer hands them to `hear`."""
        return tuple(dict.fromkeys(event for each in self.definitions.values() for event in each.waits_for))

    async def prepare(self) -> None:
        """Make the journal's tables, or check them; from then on sagas may be started."""
        await self.journal.prepare()

    async def open(self) -> None:
        """Resume what nobody works on, and keep leases alive until `close`."""
        if self.definitions:
            await self._keeper.look()
            self._keeping = asyncio.create_task(self._keeper.keep(), name="saga-leases")

    async def close(self) -> None:
        """Stop working, and give the open sagas back: others go on with them at once, or the next start does."""
        await self.abandon()
        try:
            await self.claims.release()
        except Exception:
            _logger.exception("the sagas of this process could not be given back; others wait until their leases end")

    async def abandon(self) -> None:
        """Stop working and give nothing back, as when the process is killed; for tests of what comes after that."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await self._in_hand.stop()

    async def call(self, definition: SagaDefinition, request: Any) -> Any:
        """Start the saga, or attach to the one under the context's idempotency key, and wait for its outcome."""
        if in_transaction():
            raise DeclarationError(
                f"saga {definition.name} was called within a transaction; use `await self.start(...)` to start "
                "it with the commit"
            )
        context = contexts.current()
        row = self._new_row(definition, request, _id_for(definition, context), context)
        async with self._db.transaction("read committed"):
            await self._add(definition, row)
        return outcome_of(definition, row, await self._callers.wait(row.id, context))

    async def start(self, definition: SagaDefinition, request: Any, *, id: str) -> None:  # noqa: A002
        """Start the saga `id` with the commit of the unit of work in hand; one that is there already goes on."""
        await self._add(definition, self._new_row(definition, request, id, contexts.current()))

    async def hear(self, message: Message) -> None:
        """Keep an event that sagas may wait for, in the unit of work in hand, whose commit wakes those that do."""
        if await self.events.keep(message):
            self._db.unit_of_work().after_commit(self._lookout.nudge)

    async def _add(self, definition: SagaDefinition, row: SagaRow) -> None:
        if definition.waits_for:
            row = msgspec.structs.replace(row, hears_after=await self.events.last())
        if await self.journal.add(row):
            self._db.unit_of_work().after_commit(lambda: self._begin(row))

    def _begin(self, row: SagaRow) -> None:
        points.STARTED.reached()
        self._in_hand.take_up(row)

    def _new_row(self, definition: SagaDefinition, request: Any, saga_id: str, context: Context) -> SagaRow:
        now = self._clock.now()
        return SagaRow(
            id=saga_id,
            name=definition.name,
            version=definition.version,
            status="running",
            input=msgspec.json.encode(request).decode(),
            subject=context.principal.subject if context.principal else "",
            roles=sorted(context.principal.roles) if context.principal else [],
            traceparent=context.trace.traceparent,
            request_id=context.request_id,
            owner=self.journal.owner,
            holder=self.journal.holder,
            epoch=1,
            lease_until=now + self.journal.lease_seconds,
            started_at=now,
        )

    async def _work(self, row: SagaRow, lease: Lease) -> SagaRow | None:
        """Return the saga if it has ended here."""
        try:
            with contexts.use(_context_of(row)):
                ended = await self._worker.work(row, lease, self.definitions[row.name, row.version])
        except LeaseLost as error:
            _logger.warning("%s", error)
        except Interrupted as error:
            _logger.warning("saga %s (%s) stopped and will be resumed: %s", row.id, row.name, error.__cause__)
            self._keeper.drop(row.id)
        except Exception:
            _logger.exception("saga %s (%s) stopped and will be resumed", row.id, row.name)
            self._keeper.drop(row.id)
        else:
            if ended is None:
                self._lookout.nudge()
            return ended
        return None


def _id_for(definition: SagaDefinition, context: Context) -> str:
    if context.idempotency_key is None:
        return new_id()
    subject = context.principal.subject if context.principal else ""
    return derived_id(definition.name, subject, context.idempotency_key)


def _context_of(row: SagaRow) -> Context:
    context = contexts.extract({"traceparent": row.traceparent, "x-request-id": row.request_id})
    if not row.subject:
        return context
    principal = Principal(subject=row.subject, roles=frozenset(row.roles))
    return msgspec.structs.replace(context, principal=principal)
