"""The journal of sagas: durable, fenced by an epoch, written in the transaction of the step it records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from atoll.core.clock import Clock
from atoll.saga.errors import LeaseLost
from atoll.saga.tables import TABLES
from atoll.storage import Database

Status = Literal["running", "compensating", "completed", "compensated", "parked"]
Kind = Literal["step", "undo"]
StepOutcome = Literal["done", "failed", "unknown"]

ENDED: Final = frozenset({"completed", "compensated", "parked"})


class SagaRow(msgspec.Struct, frozen=True, kw_only=True):
    """One saga as it is stored; `input`, `result` and `cause` are JSON text, times in epoch seconds."""

    id: str
    name: str
    status: Status
    input: str
    result: str | None = None
    cause: str | None = None
    subject: str = ""
    roles: list[str] = []
    traceparent: str = ""
    request_id: str = ""
    owner: str
    epoch: int
    lease_until: float
    started_at: float
    ended_at: float | None = None


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded step (`kind` "step") or its compensation ("undo"); `error` is a problem document."""

    name: str
    kind: Kind
    outcome: StepOutcome
    result: str | None = None
    error: str | None = None
    attempts: int
    time: float


class Lease(msgspec.Struct, frozen=True):
    """The right to write a saga's journal: void once the saga's epoch is another."""

    saga_id: str
    epoch: int


_SAGA: Final = ", ".join(SagaRow.__struct_fields__)
_STEP: Final = ", ".join(StepRow.__struct_fields__)


class Journal:
    """Reads and writes the journal. Every write but `add` and `claim` raises LeaseLost when fenced off."""

    def __init__(self, db: Database, clock: Clock, *, owner: str, lease_seconds: float) -> None:
        self.db = db
        self.owner = owner
        self.lease_seconds = lease_seconds
        self._clock = clock

    async def prepare(self) -> None:
        """Make the tables."""
        await self.db.engine.script(TABLES)

    async def add(self, row: SagaRow) -> bool:
        """Write a new saga in the unit of work in hand; False when its id is taken."""
        values = msgspec.structs.astuple(row)
        holes = ", ".join(f"${place}" for place in range(1, len(values) + 1))
        sql = f"INSERT INTO atoll_sagas ({_SAGA}) VALUES ({holes}) ON CONFLICT DO NOTHING"
        return await self.db.execute(sql, *values) == 1

    async def get(self, saga_id: str) -> SagaRow | None:
        return await self.db.fetch_one(SagaRow, f"SELECT {_SAGA} FROM atoll_sagas WHERE id = $1", saga_id)

    async def steps(self, saga_id: str) -> list[StepRow]:
        """Every recorded step and undo, in the order they happened."""
        sql = f"SELECT {_STEP} FROM atoll_saga_steps WHERE saga_id = $1 ORDER BY seq"
        return await self.db.fetch_all(StepRow, sql, saga_id)

    async def step(self, saga_id: str, name: str, kind: Kind) -> StepRow | None:
        """One step or undo as it is recorded."""
        sql = f"SELECT {_STEP} FROM atoll_saga_steps WHERE saga_id = $1 AND name = $2 AND kind = $3"
        return await self.db.fetch_one(StepRow, sql, saga_id, name, kind)

    async def recent(self, limit: int = 100) -> list[SagaRow]:
        """The newest sagas, those that need an operator first."""
        sql = f"SELECT {_SAGA} FROM atoll_sagas ORDER BY status = 'parked' DESC, started_at DESC LIMIT $1"
        return await self.db.fetch_all(SagaRow, sql, limit)

    async def claimable(self) -> list[str]:
        """Ids of open sagas that are ours from an earlier life, or whose worker's lease has run out."""
        sql = (
            "SELECT id, name, status, input, owner, epoch, lease_until, started_at FROM atoll_sagas "
            "WHERE ended_at IS NULL AND (owner = $1 OR lease_until < $2) ORDER BY started_at"
        )
        rows = await self.db.fetch_all(SagaRow, sql, self.owner, self._clock.now())
        return [row.id for row in rows]

    async def claim(self, saga_id: str) -> SagaRow | None:
        """Take an open saga over under the next epoch; None when someone else was faster."""
        now = self._clock.now()
        async with self.db.transaction("read committed"):
            return await self.db.fetch_one(
                SagaRow,
                "UPDATE atoll_sagas SET owner = $1, epoch = epoch + 1, lease_until = $2 "
                "WHERE id = $3 AND ended_at IS NULL AND (owner = $1 OR lease_until < $4) "
                f"RETURNING {_SAGA}",
                self.owner,
                now + self.lease_seconds,
                saga_id,
                now,
            )

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Prolong the leases that still hold."""
        these = self.db.engine.dialect.one_of("$3")
        async with self.db.transaction("read committed"):
            await self.db.execute(
                f"UPDATE atoll_sagas SET lease_until = $1 WHERE ended_at IS NULL AND owner = $2 AND id {these}",
                self._clock.now() + self.lease_seconds,
                self.owner,
                [lease.saga_id for lease in leases],
            )

    async def record(self, lease: Lease, step: StepRow) -> None:
        """Write one step in the unit of work in hand; one recorded as unknown may become done, and stays so."""
        await self._hold(lease)
        await self.db.execute(
            f"INSERT INTO atoll_saga_steps (saga_id, {_STEP}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
            "ON CONFLICT (saga_id, name, kind) DO UPDATE SET outcome = excluded.outcome, "
            "result = excluded.result, error = excluded.error, attempts = excluded.attempts "
            "WHERE atoll_saga_steps.outcome <> 'done'",
            lease.saga_id,
            *msgspec.structs.astuple(step),
        )

    async def turn(self, lease: Lease, cause: str) -> None:
        """Begin to compensate, in the unit of work in hand; the first cause is kept."""
        changed = await self.db.execute(
            "UPDATE atoll_sagas SET status = 'compensating', cause = coalesce(cause, $1) WHERE id = $2 AND epoch = $3",
            cause,
            lease.saga_id,
            lease.epoch,
        )
        self._check(lease, changed)

    async def end(self, lease: Lease, status: Status, *, result: str | None = None) -> None:
        """Note the outcome, in the unit of work in hand. A saga is ended once."""
        changed = await self.db.execute(
            "UPDATE atoll_sagas SET status = $1, result = $2, ended_at = $3 WHERE id = $4 AND epoch = $5",
            status,
            result,
            self._clock.now(),
            lease.saga_id,
            lease.epoch,
        )
        self._check(lease, changed)

    async def _hold(self, lease: Lease) -> None:
        """Prolong the lease and lock its row until the commit, so that nobody can take the saga over meanwhile."""
        changed = await self.db.execute(
            "UPDATE atoll_sagas SET lease_until = $1 WHERE id = $2 AND epoch = $3",
            self._clock.now() + self.lease_seconds,
            lease.saga_id,
            lease.epoch,
        )
        self._check(lease, changed)

    @staticmethod
    def _check(lease: Lease, changed: int) -> None:
        if changed != 1:
            raise LeaseLost(lease.saga_id, f"saga {lease.saga_id} has been taken over by another worker")
