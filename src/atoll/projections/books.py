"""The bookkeeping of projections: generations, checkpoints under a lease, and what is parked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from atoll.core.clock import Clock
from atoll.eventstore import Position, RecordedEvent
from atoll.projections.errors import LeaseLost
from atoll.projections.rows import Decision, Generation, Parked, Part
from atoll.projections.tables import PROJECTIONS
from atoll.storage import Database
from atoll.storage.port import Statement
from atoll.storage.rows import decoder_for
from atoll.storage.versions import ready_tables

_GENERATION: Final = ", ".join(Generation.__struct_fields__)
_PART: Final = ", ".join(Part.__struct_fields__)
_PARKED: Final = ", ".join(Parked.__struct_fields__)
_HELD: Final = "name = $1 AND generation = $2 AND part = $3 AND epoch = $4 AND NOT closed"
_WELL: Final = "failed_id = '', failed_at = '', error = '', attempts = 0, retry_at = 0, discarded = ''"
_SHORT_OF_IT: Final = 500

_IDLE: Final = "set_config('idle_in_transaction_session_timeout', $6, true)"
"""A holder that stands still in a transaction, as a stopped process does, is thrown out of it by PostgreSQL once its
lease has run out, so that whoever takes over need not wait for its locks."""


class _Shown(msgspec.Struct, frozen=True):
    paused: bool


class Books:
    """Reads and writes the bookkeeping. What a partition's worker writes raises LeaseLost, or is undone, once the
    epoch of its lease is another.
    """

    def __init__(self, db: Database, clock: Clock, *, owner: str, lease_seconds: float) -> None:
        self.db = db
        self.clock = clock
        self.owner = owner
        self.lease_seconds = lease_seconds
        self._sql_fence = f"UPDATE atoll_projection_partitions SET lease_until = $5 WHERE {_HELD} RETURNING "
        self._is_postgres = db.engine.dialect.name == "postgresql"
        self._sql_fence += _IDLE if self._is_postgres else "epoch"

    async def prepare(self) -> None:
        """Make the tables. Raises UnknownSchema for those of another version."""
        await ready_tables(self.db.engine, PROJECTIONS)

    async def generations(self, name: str) -> list[Generation]:
        """Return the generations of a projection, the oldest first; what is committed, or the unit of work sees."""
        return await self.db.fetch_all(
            Generation,
            f"SELECT {_GENERATION} FROM atoll_projection_generations WHERE name = $1 ORDER BY generation",
            name,
        )

    async def parts(self, name: str, generation: int) -> list[Part]:
        """Return the partitions of a generation in order."""
        return await self.db.fetch_all(
            Part,
            f"SELECT {_PART} FROM atoll_projection_partitions WHERE name = $1 AND generation = $2 ORDER BY part",
            name,
            generation,
        )

    async def live_parts(self, name: str) -> list[Part]:
        """Return the partitions of the live generation as they are committed, whatever unit of work is in hand."""
        columns = ", ".join(f"p.{each}" for each in Part.__struct_fields__)
        sql = (
            f"SELECT {columns} FROM atoll_projection_partitions p JOIN atoll_projection_generations g "
            "ON g.name = p.name AND g.generation = p.generation WHERE p.name = $1 AND g.state = 'live' ORDER BY p.part"
        )
        return decoder_for(Part).all(await self.db.engine.read(Statement(sql, (name,))))

    async def is_paused(self, name: str) -> bool:
        """Tell whether an operator has paused the projection."""
        found = await self.db.fetch_one(_Shown, "SELECT paused FROM atoll_projections WHERE name = $1", name)
        return found is not None and found.paused

    async def claim(self, name: str, generation: int, part: int, *, again: bool) -> Part | None:
        """Take a partition that nobody holds; None while somebody does, or when it is paused or closed.

        `again` takes back what an earlier life of the same owner held, of which one is alive at a time.
        """
        now = self.clock.now()
        async with self.db.transaction("read committed"):
            return await self.db.fetch_one(
                Part,
                "UPDATE atoll_projection_partitions SET owner = $4, epoch = epoch + 1, lease_until = $5 "
                "WHERE name = $1 AND generation = $2 AND part = $3 AND NOT closed AND NOT paused "
                "AND (lease_until < $6 OR (owner = $4 AND $7)) "
                f"RETURNING {_PART}",
                *(name, generation, part, self.owner, now + self.lease_seconds, now, again),
            )

    async def fence(self, held: Part) -> None:
        """Prolong the lease in the unit of work in hand, and keep it until the commit. Raises LeaseLost."""
        args: list[object] = [*_place(held), self.clock.now() + self.lease_seconds]
        if self._is_postgres:
            args.append(f"{int(self.lease_seconds * 1000)}ms")
        if not (await self.db.unit_of_work().fetch(self._sql_fence, *args)).rows:
            raise LeaseLost(held.name, held.part)

    def checkpoint(self, held: Part, position: Position, *, near: bool) -> None:
        """Note with the commit of the unit of work in hand, which has the fence, that all up to `position` is done."""
        self.db.unit_of_work().defer(
            f"UPDATE atoll_projection_partitions SET position = $5, near = $6, {_WELL} WHERE {_HELD}",
            *_place(held),
            position,
            near,
        )

    async def stopped(self, held: Part, event: RecordedEvent, error: str, *, attempts: int, retry_at: float) -> None:
        """Note what a partition is stopped by. Raises LeaseLost."""
        async with self.db.transaction("read committed"):
            await self.fence(held)
            await self.db.execute(
                "UPDATE atoll_projection_partitions SET failed_id = $5, failed_at = $6, error = $7, attempts = $8, "
                f"retry_at = $9, near = FALSE WHERE {_HELD}",
                *(*_place(held), event.id, f"version {event.version} of {event.stream!r}", error, attempts, retry_at),
            )

    async def again(self, held: Part) -> Part:
        """Prolong the lease, and return the row as it is now. Raises LeaseLost."""
        async with self.db.transaction("read committed"):
            await self.fence(held)
            found = await self.db.fetch_one(
                Part, f"SELECT {_PART} FROM atoll_projection_partitions WHERE {_HELD}", *_place(held)
            )
        if found is None:
            raise LeaseLost(held.name, held.part)
        return found

    async def release(self, held: Part) -> None:
        """Let others take the partition at once."""
        async with self.db.transaction("read committed"):
            await self.db.execute(
                f"UPDATE atoll_projection_partitions SET owner = '', lease_until = 0 WHERE {_HELD}", *_place(held)
            )

    async def park(self, held: Part, key: str, event: RecordedEvent, error: str) -> None:
        """Put an event aside, in the unit of work in hand."""
        await self.db.execute(
            "INSERT INTO atoll_projection_parked (name, generation, part, key, event_id, event, error, attempts, time) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *(held.name, held.generation, held.part, key, event.id, event, error, 1 if error else 0, self.clock.now()),
        )

    async def parked(self, name: str) -> list[Parked]:
        """Return what is parked, oldest first; at most some hundreds."""
        return await self.db.fetch_all(
            Parked,
            f"SELECT {_PARKED} FROM atoll_projection_parked WHERE name = $1 ORDER BY seq LIMIT $2",
            *(name, _SHORT_OF_IT),
        )

    async def parked_of(self, held: Part, key: str) -> list[Parked]:
        """Return the first of what is parked under a key, in order."""
        return await self.db.fetch_all(
            Parked,
            f"SELECT {_PARKED} FROM atoll_projection_parked "
            "WHERE name = $1 AND generation = $2 AND part = $3 AND key = $4 ORDER BY seq LIMIT $5",
            *(*_place(held)[:3], key, _SHORT_OF_IT),
        )

    async def parked_keys(self, held: Part) -> dict[str, bool]:
        """Return the keys that have parked events, and of which of them an operator has decided something."""
        rows = await self.db.fetch_all(
            _Key,
            "SELECT key, max(CASE WHEN decision = '' THEN 0 ELSE 1 END) AS decided FROM atoll_projection_parked "
            "WHERE name = $1 AND generation = $2 AND part = $3 GROUP BY key",
            *_place(held)[:3],
        )
        return {each.key: each.decided > 0 for each in rows}

    async def count_parked(self, name: str) -> int:
        """Return how many events are parked."""
        sql = "SELECT count(*) FROM atoll_projection_parked WHERE name = $1"
        return int(await self.db.fetch_value(sql, name))

    async def unpark(self, parked: Parked) -> None:
        """Remove an event from the parked ones, in the unit of work in hand."""
        await self.db.execute("DELETE FROM atoll_projection_parked WHERE seq = $1", parked.seq)

    async def failed_again(self, held: Part, parked: Parked, error: str) -> None:
        """Note that a parked event has failed once more. Raises LeaseLost."""
        async with self.db.transaction("read committed"):
            await self.fence(held)
            await self.db.execute(
                "UPDATE atoll_projection_parked SET error = $2, attempts = attempts + 1, decision = '' WHERE seq = $1",
                parked.seq,
                error,
            )

    async def decide_stopped(self, name: str, event_id: str, decision: Decision) -> int:
        """Note what is to be done with the event that has stopped a partition, or all that have without an id."""
        change = "retry_at = 0" + (", discarded = failed_id" if decision == "discard" else "")
        async with self.db.transaction("read committed"):
            return await self.db.execute(
                f"UPDATE atoll_projection_partitions SET {change} "
                "WHERE name = $1 AND failed_id <> '' AND (failed_id = $2 OR $2 = '')",
                *(name, event_id),
            )

    async def pause(self, name: str, *, paused: bool) -> None:
        """Note whether the projection is paused. Once this returns nobody writes the view of one that is."""
        async with self.db.transaction("read committed"):
            await self.db.execute("UPDATE atoll_projections SET paused = $2 WHERE name = $1", name, paused)
            await self.db.execute(
                "UPDATE atoll_projection_partitions SET paused = $2, epoch = epoch + 1, owner = '', lease_until = 0 "
                "WHERE name = $1 AND paused <> $2",
                *(name, paused),
            )

    async def decide(self, decision: Decision, rows: Sequence[Parked]) -> int:
        """Note what is to be done with parked events; whoever works on their partition does it."""
        seqs = self.db.engine.dialect.one_of("$2", "BIGINT")
        async with self.db.transaction("read committed"):
            return await self.db.execute(
                f"UPDATE atoll_projection_parked SET decision = $1 WHERE seq {seqs}",
                decision,
                [each.seq for each in rows],
            )


class _Key(msgspec.Struct, frozen=True):
    key: str
    decided: int


def _place(held: Part) -> tuple[str, int, int, int]:
    return held.name, held.generation, held.part, held.epoch
