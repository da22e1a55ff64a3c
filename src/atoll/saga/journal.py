"""The journal of sagas: durable, fenced by an epoch, written in the transaction of the step it records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from atoll.core.clock import Clock
from atoll.saga.errors import LeaseLost
from atoll.saga.holder import is_gone, this_holder
from atoll.saga.rows import Decision, Lease, SagaRow, Status, StepRow, Stuck
from atoll.saga.tables import FENCE, SAGA
from atoll.storage import ConstraintViolated, Database
from atoll.storage.versions import ready_tables

T = TypeVar("T")

_SAGA: Final = ", ".join(SagaRow.__struct_fields__)
_STEP: Final = ", ".join(StepRow.__struct_fields__)
_DECISION: Final = ", ".join(Decision.__struct_fields__)
_AWAKE: Final = "ended_at IS NULL AND wake_at IS NULL"


class _Holder(msgspec.Struct, frozen=True):
    holder: str


class _Id(msgspec.Struct, frozen=True):
    id: str


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
            result = await self.db.atomic(work)
        except ConstraintViolated as error:
            if FENCE in str(error):
                raise _lost(lease) from error
            raise
        return result

    async def add(self, row: SagaRow) -> bool:
        """Write a new saga in the unit of work in hand; False when its id is taken."""
        values = msgspec.structs.astuple(row)
        holes = ", ".join(f"${place}" for place in range(1, len(values) + 1))
        sql = f"INSERT INTO atoll_sagas ({_SAGA}) VALUES ({holes}) ON CONFLICT DO NOTHING"
        return await self.db.execute(sql, *values) == 1

    async def get(self, saga_id: str) -> SagaRow | None:
        return await self.db.fetch_one(SagaRow, f"SELECT {_SAGA} FROM atoll_sagas WHERE id = $1", saga_id)

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
        sql = f"SELECT {_SAGA} FROM atoll_sagas ORDER BY status = 'parked' DESC, started_at DESC LIMIT $1"
        return await self.db.fetch_all(SagaRow, sql, limit)

    async def count_open(self) -> int:
        """How many sagas are under way or wait; parked ones are not."""
        awake = await self.db.fetch_value(f"SELECT count(*) FROM atoll_sagas WHERE {_AWAKE}")
        asleep = await self.db.fetch_value("SELECT count(*) FROM atoll_sagas WHERE wake_at IS NOT NULL")
        return int(awake) + int(asleep)

    async def claimable(self, dropped: Collection[str] = ()) -> list[SagaRow]:
        """Open sagas that this process may claim now, the oldest first.

        Those whose lease has run out, whose process is gone for certain, or whose time to wake has come; and those of
        this very process that it has `dropped`, or whose lease it does not renew.
        """
        now, one_of = self.clock.now(), self.db.engine.dialect.one_of
        holders = await self.db.fetch_all(_Holder, f"SELECT DISTINCT holder FROM atoll_sagas WHERE {_AWAKE}")
        return await self.db.fetch_all(
            SagaRow,
            f"SELECT {_SAGA} FROM atoll_sagas WHERE {_AWAKE} AND (lease_until < $1 OR holder {one_of('$2')} "
            f"OR (holder = $3 AND (lease_until < $4 OR id {one_of('$5')}))) "
            f"UNION ALL SELECT {_SAGA} FROM atoll_sagas WHERE wake_at <= $1 ORDER BY started_at",
            now,
            [each.holder for each in holders if is_gone(each.holder)],
            self.holder,
            now + self.lease_seconds * 2 / 3,
            list(dropped),
        )

    async def next_wake(self, after: float) -> float | None:
        """When the next saga that rests beyond `after` is to be woken, in epoch seconds."""
        found = await self.db.fetch_value("SELECT min(wake_at) FROM atoll_sagas WHERE wake_at > $1", after)
        return None if found is None else float(found)

    async def claim(self, seen: SagaRow) -> SagaRow | None:
        """Take an open saga over under the next epoch, as it was seen; None when someone else was faster."""
        now = self.clock.now()
        ours = seen.holder == self.holder or is_gone(seen.holder)
        free = "" if ours else "AND (wake_at <= $7 OR (wake_at IS NULL AND lease_until < $7))"
        async with self.db.transaction("read committed"):
            return await self.db.fetch_one(
                SagaRow,
                "UPDATE atoll_sagas SET owner = $1, holder = $2, epoch = epoch + 1, lease_until = $3, wake_at = NULL, "
                f"waits_for = '' WHERE id = $4 AND epoch = $5 AND holder = $6 AND ended_at IS NULL {free} "
                f"RETURNING {_SAGA}",
                self.owner,
                self.holder,
                now + self.lease_seconds,
                seen.id,
                seen.epoch,
                seen.holder,
                *([] if ours else [now]),
            )

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Prolong the leases that still hold."""
        until = self.clock.now() + self.lease_seconds
        these = self.db.engine.dialect.one_of("$3")
        async with self.db.transaction("read committed"):
            held = await self.db.fetch_all(
                _Id,
                f"UPDATE atoll_sagas SET lease_until = $1 WHERE {_AWAKE} AND holder = $2 AND id {these} RETURNING id",
                until,
                self.holder,
                [lease.saga_id for lease in leases],
            )
        kept = {each.id for each in held}
        for lease in leases:
            if lease.saga_id in kept:
                lease.prolong(until)

    async def release(self) -> None:
        """Give back what this process holds, for others to go on with at once."""
        async with self.db.transaction("read committed"):
            await self.db.execute(f"UPDATE atoll_sagas SET lease_until = 0 WHERE {_AWAKE} AND holder = $1", self.holder)

    async def hold(self, lease: Lease) -> None:
        """Prolong a lease now. Raises LeaseLost."""

        async def work() -> None:
            self._fence(lease)

        await self.writing(lease, work)

    def record(self, lease: Lease, step: StepRow) -> None:
        """Write one step with the commit of the unit of work in hand; one that is done or skipped stays so."""
        self._fence(lease)
        holes = ", ".join(f"${place}" for place in range(1, len(StepRow.__struct_fields__) + 2))
        self.db.unit_of_work().defer(
            f"INSERT INTO atoll_saga_steps (saga_id, {_STEP}) VALUES ({holes}) "
            "ON CONFLICT (saga_id, name, kind) DO UPDATE SET outcome = excluded.outcome, "
            "result = excluded.result, error = excluded.error, attempts = excluded.attempts, "
            "seconds = excluded.seconds, time = excluded.time "
            "WHERE atoll_saga_steps.outcome NOT IN ('done', 'skipped')",
            lease.saga_id,
            *msgspec.structs.astuple(step),
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
        holes = ", ".join(f"${place}" for place in range(1, len(values) + 1))
        await self.db.execute(f"INSERT INTO atoll_saga_decisions ({_DECISION}) VALUES ({holes})", *values)

    async def go_on(self, parked: SagaRow) -> SagaRow | None:
        """Take a parked saga over under the next epoch, in the unit of work in hand; None when it is not parked."""
        return await self.db.fetch_one(
            SagaRow,
            "UPDATE atoll_sagas SET status = CASE WHEN turned_at IS NULL THEN 'running' ELSE 'compensating' END, "
            "stuck = NULL, ended_at = NULL, owner = $1, holder = $2, epoch = epoch + 1, lease_until = $3 "
            f"WHERE id = $4 AND epoch = $5 AND status = 'parked' RETURNING {_SAGA}",
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
            f"WHERE id = $5 AND epoch = $6 AND status = 'parked' RETURNING {_SAGA}",
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


def _lost(lease: Lease) -> LeaseLost:
    lease.until = 0.0  # so that nothing more is called for it before it has been asked for again
    return LeaseLost(lease.saga_id, f"saga {lease.saga_id} has been taken over by another worker")
