"""The journal of sagas: durable, fenced by an epoch, written in the transaction of the step it records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any, Final, TypeVar

import msgspec

from atoll.core.clock import Clock
from atoll.saga.errors import LeaseLost
from atoll.saga.holder import this_holder
from atoll.saga.rows import SAGA_COLUMNS, Decision, Lease, SagaRow, Status, StepRow, Stuck
from atoll.saga.tables import AWAKE, FENCE, SAGA
from atoll.storage import ConstraintViolated, Database
from atoll.storage.versions import ready_tables

T = TypeVar("T")

_STEP: Final = ", ".join(StepRow.__struct_fields__)
_DECISION: Final = ", ".join(Decision.__struct_fields__)


class Journal:
    """Reads and writes the journal. Every write with a lease raises LeaseLost when it is void, if only at the commit.

    `owner` is the slot of this process, which another may have by mistake; its `holder` nobody else has.
    """

    def __init__(self, db: Database, clock: Clock, *, owner: str, lease_seconds: float) -> None:
        self.db = db
        self.owner = owner
        self.holder = this_holder()
        self.lease_seconds = lease_seconds
        self.clock = clock

    async def prepare(self) -> None:
        """Make the tables, or check those that are there."""
        await ready_tables(self.db.engine, SAGA)

    async def writing(self, lease: Lease, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`, which writes under `lease`, in a unit of work, again when it conflicts. Raises LeaseLost."""
        try:
            return await self.db.atomic(work)
        except ConstraintViolated as error:
            if FENCE in str(error):
                raise _lost(lease) from error
            raise

    async def add(self, row: SagaRow) -> bool:
        """Write a new saga in the unit of work in hand; False when its id is taken."""
        values = msgspec.structs.astuple(row)
        sql = f"INSERT INTO atoll_sagas ({SAGA_COLUMNS}) VALUES ({_holes(len(values))}) ON CONFLICT DO NOTHING"
        return await self.db.execute(sql, *values) == 1

    async def get(self, saga_id: str) -> SagaRow | None:
        """One saga."""
        return await self.db.fetch_one(SagaRow, f"SELECT {SAGA_COLUMNS} FROM atoll_sagas WHERE id = $1", saga_id)

    async def steps(self, saga_id: str) -> list[StepRow]:
        """Everything recorded, in the order it happened."""
        sql = f"SELECT {_STEP} FROM atoll_saga_steps WHERE saga_id = $1 ORDER BY seq"
        return await self.db.fetch_all(StepRow, sql, saga_id)

    async def step(self, saga_id: str, name: str, kind: str) -> StepRow | None:
        """One record."""
        sql = f"SELECT {_STEP} FROM atoll_saga_steps WHERE saga_id = $1 AND name = $2 AND kind = $3"
        return await self.db.fetch_one(StepRow, sql, saga_id, name, kind)

    async def decisions(self, saga_id: str) -> list[Decision]:
        """What operators decided, in order."""
        sql = f"SELECT {_DECISION} FROM atoll_saga_decisions WHERE saga_id = $1 ORDER BY time, id"
        return await self.db.fetch_all(Decision, sql, saga_id)

    async def decision(self, decision: str) -> Decision | None:
        """One decision, by its id."""
        sql = f"SELECT {_DECISION} FROM atoll_saga_decisions WHERE id = $1"
        return await self.db.fetch_one(Decision, sql, decision)

    async def recent(self, limit: int = 100) -> list[SagaRow]:
        """The newest sagas, those that need an operator first."""
        sql = f"SELECT {SAGA_COLUMNS} FROM atoll_sagas ORDER BY status = 'parked' DESC, started_at DESC LIMIT $1"
        return await self.db.fetch_all(SagaRow, sql, limit)

    async def count_open(self) -> int:
        """How many sagas are under way or wait; parked ones are not."""
        awake = await self.db.fetch_value(f"SELECT count(*) FROM atoll_sagas WHERE {AWAKE}")
        asleep = await self.db.fetch_value("SELECT count(*) FROM atoll_sagas WHERE wake_at IS NOT NULL")
        return int(awake) + int(asleep)

    async def hold(self, lease: Lease) -> None:
        """Prolong a lease now. Raises LeaseLost."""

        async def work() -> None:
            self._fence(lease)

        await self.writing(lease, work)

    def record(self, lease: Lease, step: StepRow) -> None:
        """Write one step with the commit of the unit of work in hand; one that is done or skipped stays so."""
        self._fence(lease)
        values = (lease.saga_id, *msgspec.structs.astuple(step))
        self.db.unit_of_work().defer(
            f"INSERT INTO atoll_saga_steps (saga_id, {_STEP}) VALUES ({_holes(len(values))}) "
            "ON CONFLICT (saga_id, name, kind) DO UPDATE SET outcome = excluded.outcome, "
            "result = excluded.result, error = excluded.error, attempts = excluded.attempts, "
            "seconds = excluded.seconds, time = excluded.time "
            "WHERE atoll_saga_steps.outcome NOT IN ('done', 'skipped')",
            *values,
        )

    def turn(self, lease: Lease, cause: str) -> None:
        """Begin to compensate, with the commit of the unit of work in hand; the first cause is kept."""
        self._set(
            lease,
            "status = 'compensating', turned_at = coalesce(turned_at, $4), cause = coalesce(cause, $5)",
            self.clock.now(),
            cause,
        )

    def rest(self, lease: Lease, wake_at: float, waits_for: str = "") -> None:
        """Let nobody run the saga until `wake_at`, or until the event it waits for; and not us either."""
        self._set(lease, "wake_at = $4, waits_for = $5", wake_at, waits_for)

    def end(self, lease: Lease, status: Status, *, result: str | None = None, stuck: Stuck | None = None) -> None:
        """Note the outcome, with the commit of the unit of work in hand. A saga is ended once."""
        self._set(lease, "status = $4, result = $5, stuck = $6, ended_at = $7", status, result, stuck, self.clock.now())

    async def note(self, decision: Decision) -> None:
        """Write a decision, in the unit of work in hand."""
        values = msgspec.structs.astuple(decision)
        sql = f"INSERT INTO atoll_saga_decisions ({_DECISION}) VALUES ({_holes(len(values))})"
        await self.db.execute(sql, *values)

    async def go_on(self, parked: SagaRow) -> SagaRow | None:
        """Take a parked saga over under the next epoch, in the unit of work in hand; None when it is not parked."""
        return await self.db.fetch_one(
            SagaRow,
            "UPDATE atoll_sagas SET status = CASE WHEN turned_at IS NULL THEN 'running' ELSE 'compensating' END, "
            "stuck = NULL, ended_at = NULL, owner = $1, holder = $2, epoch = epoch + 1, lease_until = $3 "
            f"WHERE id = $4 AND epoch = $5 AND status = 'parked' RETURNING {SAGA_COLUMNS}",
            self.owner,
            self.holder,
            self.clock.now() + self.lease_seconds,
            parked.id,
            parked.epoch,
        )

    async def settle(self, parked: SagaRow, status: Status, result: str | None) -> SagaRow | None:
        """End a parked saga, in the unit of work in hand; None when it is not parked."""
        cause = parked.stuck.error if parked.stuck is not None and status == "compensated" else None
        return await self.db.fetch_one(
            SagaRow,
            "UPDATE atoll_sagas SET status = $1, result = $2, cause = coalesce(cause, $3), stuck = NULL, "
            "ended_at = $4, epoch = epoch + 1 "
            f"WHERE id = $5 AND epoch = $6 AND status = 'parked' RETURNING {SAGA_COLUMNS}",
            status,
            result,
            cause,
            self.clock.now(),
            parked.id,
            parked.epoch,
        )

    def _fence(self, lease: Lease) -> None:
        """Prolong the lease and lock its row until the commit, so that nobody can take the saga over meanwhile."""
        self._set(lease, "")

    def _set(self, lease: Lease, assignments: str, *values: Any) -> None:
        until = self.clock.now() + self.lease_seconds
        more = f", {assignments}" if assignments else ""
        unit = self.db.unit_of_work()
        unit.defer(
            "UPDATE atoll_sagas SET lease_until = CASE WHEN epoch = $3 THEN CAST($1 AS DOUBLE PRECISION) ELSE -1.0 END"
            f"{more} WHERE id = $2",
            until,
            lease.saga_id,
            lease.epoch,
            *values,
        )
        unit.after_commit(partial(lease.prolong, until))


@cache
def _holes(count: int) -> str:
    return ", ".join(f"${place}" for place in range(1, count + 1))


def _lost(lease: Lease) -> LeaseLost:
    lease.until = 0.0  # so that nothing more is called for it before it has been asked for again
    return LeaseLost(lease.saga_id, f"saga {lease.saga_id} has been taken over by another worker")
