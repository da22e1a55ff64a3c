"""Who works on which saga: leases taken, prolonged, given back, and taken over from who cannot go on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from atoll.saga.holder import is_gone
from atoll.saga.journal import Journal
from atoll.saga.rows import SAGA_COLUMNS, Lease, SagaRow
from atoll.saga.tables import AWAKE


class _Holder(msgspec.Struct, frozen=True):
    holder: str


class _Id(msgspec.Struct, frozen=True):
    id: str


class Claims:
    """The claims of one process to the sagas in `journal`. Each method but `next_wake` is a transaction of its own."""

    def __init__(self, journal: Journal) -> None:
        self._db = journal.db
        self._clock = journal.clock
        self._journal = journal

    async def claimable(self, dropped: Collection[str] = ()) -> list[SagaRow]:
        """Return the sagas that this process may claim now, the oldest first.

        Those whose lease has run out, whose process is gone for certain, or whose time to wake has come; and those of
        this very process that it has `dropped`, or whose lease it does not renew.
        """
        now, one_of = self._clock.now(), self._db.engine.dialect.one_of
        holders = await self._db.fetch_all(_Holder, f"SELECT DISTINCT holder FROM atoll_sagas WHERE {AWAKE}")
        found = await self._db.fetch_all(  # sorted here: for the order SQLite would walk through all there ever were
            SagaRow,
            f"SELECT {SAGA_COLUMNS} FROM atoll_sagas WHERE {AWAKE} AND (lease_until < $1 OR holder {one_of('$2')} "
            f"OR (holder = $3 AND (lease_until < $4 OR id {one_of('$5')}))) "
            f"UNION ALL SELECT {SAGA_COLUMNS} FROM atoll_sagas WHERE wake_at <= $1",
            now,
            [each.holder for each in holders if is_gone(each.holder)],
            self._journal.holder,
            now + self._journal.lease_seconds * 2 / 3,
            list(dropped),
        )
        return sorted(found, key=lambda each: each.started_at)

    async def next_wake(self, after: float) -> float | None:
        """Return when the next saga that rests beyond `after` is to be woken, in epoch seconds."""
        found = await self._db.fetch_value("SELECT min(wake_at) FROM atoll_sagas WHERE wake_at > $1", after)
        return None if found is None else float(found)

    async def claim(self, seen: SagaRow) -> SagaRow | None:
        """Take an open saga over under the next epoch, as it was seen; None when someone else was faster."""
        now = self._clock.now()
        ours = seen.holder == self._journal.holder or is_gone(seen.holder)
        free = "" if ours else "AND (wake_at <= $7 OR (wake_at IS NULL AND lease_until < $7))"
        async with self._db.transaction("read committed"):
            return await self._db.fetch_one(
                SagaRow,
                "UPDATE atoll_sagas SET owner = $1, holder = $2, epoch = epoch + 1, lease_until = $3, wake_at = NULL, "
                f"waits_for = '' WHERE id = $4 AND epoch = $5 AND holder = $6 AND ended_at IS NULL {free} "
                f"RETURNING {SAGA_COLUMNS}",
                self._journal.owner,
                self._journal.holder,
                now + self._journal.lease_seconds,
                seen.id,
                seen.epoch,
                seen.holder,
                *([] if ours else [now]),
            )

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Prolong the leases that still hold."""
        until = self._clock.now() + self._journal.lease_seconds
        these = self._db.engine.dialect.one_of("$3")
        async with self._db.transaction("read committed"):
            held = await self._db.fetch_all(
                _Id,
                f"UPDATE atoll_sagas SET lease_until = $1 WHERE {AWAKE} AND holder = $2 AND id {these} RETURNING id",
                until,
                self._journal.holder,
                [lease.saga_id for lease in leases],
            )
        kept = {each.id for each in held}
        for lease in leases:
            if lease.saga_id in kept:
                lease.prolong(until)

    async def release(self) -> None:
        """Give back what this process holds, for others to go on with at once."""
        async with self._db.transaction("read committed"):
            await self._db.execute(
                f"UPDATE atoll_sagas SET lease_until = 0 WHERE {AWAKE} AND holder = $1", self._journal.holder
            )
