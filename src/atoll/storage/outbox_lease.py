"""What one relay holds of an outbox: ranges of keys under a lease, and what it may do to their rows.

Each range has a row with its owner, an epoch and the time until which the lease runs. Every write names owner and
epoch in the statement and locks the rows of the lease until its commit, so that a relay whose ranges were taken over,
however late it wakes, changes nothing. https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atoll.contracts import Message
from atoll.core.clock import Clock
from atoll.storage.broker_position import BrokerPosition
from atoll.storage.key_ranges import RANGES

if TYPE_CHECKING:
    from atoll.storage.database import Database

LEASE_SECONDS: Final = 10.0
SPARE_SECONDS: Final = 1.0
"""So long before others may take a range its holder leaves off, because clocks do not go alike."""

READY: Final = "confirmed_at IS NULL AND due_at IS NULL AND held_at IS NULL"
_MINE: Final = "key_range IN (SELECT key_range FROM atoll_outbox_ranges WHERE owner = $1 AND epoch = $2)"
_NO_EPOCH: Final = -1

_ROWS: Final = (
    "INSERT INTO atoll_outbox_ranges (key_range) VALUES "
    f"{', '.join(f'({number})' for number in range(RANGES))} ON CONFLICT DO NOTHING"
)
_PRESENT: Final = (
    "INSERT INTO atoll_relays (owner, seen_until) VALUES ($1, $2) "
    "ON CONFLICT (owner) DO UPDATE SET seen_until = excluded.seen_until"
)
_PROLONG: Final = "UPDATE atoll_outbox_ranges SET lease_until = $3 WHERE owner = $1 AND epoch = $2"
# The condition stands twice: where another claim was faster, PostgreSQL looks at it again on the row as it is then.
_CLAIM: Final = (
    "UPDATE atoll_outbox_ranges SET owner = $1, epoch = (SELECT max(epoch) FROM atoll_outbox_ranges) + 1, "
    "lease_until = $3 WHERE (owner = $1 AND (epoch = $2 OR $2 < 0)) OR (lease_until < $4 AND key_range IN "
    "(SELECT key_range FROM atoll_outbox_ranges WHERE lease_until < $4 ORDER BY key_range LIMIT $5)) "
    "RETURNING key_range, epoch, store, place, witness"
)
_GIVE_BACK: Final = (
    "UPDATE atoll_outbox_ranges SET owner = '', lease_until = 0 WHERE owner = $1 AND epoch = $2 AND key_range"
)


class LeasedRow(msgspec.Struct, frozen=True):
    """A message to publish; those of one lane go out in the order of `seq`."""

    seq: int
    key_range: int
    lane: str
    message: Message


class _Claimed(msgspec.Struct, frozen=True):
    key_range: int
    epoch: int
    store: str
    place: int
    witness: str


class OutboxLease:
    """The ranges of one relay. `keep` is to be called every few seconds; without it the lease runs out.

    `owner` names a slot, of which one process at a time is alive: its first `keep` takes back at once what an
    earlier life held. Whatever is written raises nothing when the lease was lost, and changes nothing.
    """

    def __init__(self, db: Database, clock: Clock, *, owner: str) -> None:
        self._db = db
        self._clock = clock
        self._owner = owner
        self._epoch = _NO_EPOCH
        self._until = -inf
        self._turn = asyncio.Lock()
        self.ranges: frozenset[int] = frozenset()
        self.positions: frozenset[BrokerPosition] = frozenset()
        self.members = 1

    def holds(self, key_range: int) -> bool:
        """Tell, without asking the database, whether the range is ours and its lease has not run out."""
        return key_range in self.ranges and self._clock.monotonic() < self._until

    @property
    def runs(self) -> bool:
        """True while the lease has not run out."""
        return self._clock.monotonic() < self._until

    @property
    def surplus(self) -> frozenset[int]:
        """The ranges beyond our share, to be given back once nothing of them is on its way."""
        return frozenset(sorted(self.ranges)[self._share :])

    async def keep(self) -> frozenset[int]:
        """Prolong the lease, and claim up to our share of the ranges that nobody holds; return the newly claimed.

        `members` is then how many relays are there, and `positions` where the broker stood by what is noted.
        """
        before, began, now = self.ranges, self._clock.monotonic(), self._clock.now()
        async with self._turn, self._db.transaction("read committed"):
            claimed = await self._keep(now)
        if claimed is not None:
            self.ranges = frozenset(each.key_range for each in claimed)
            self._epoch = max((each.epoch for each in claimed), default=self._epoch)
            self.positions = frozenset(_positions(claimed))
        self._until = began + LEASE_SECONDS - SPARE_SECONDS
        return self.ranges - before

    async def _keep(self, now: float) -> list[_Claimed] | None:
        """Return what is held afterwards, or None when that is what was held before."""
        first, until = self._epoch == _NO_EPOCH, now + LEASE_SECONDS
        if first:
            await self._db.execute(_ROWS)
        await self._db.execute(_PRESENT, self._owner, until)
        self.members = int(await self._db.fetch_value("SELECT count(*) FROM atoll_relays WHERE seen_until >= $1", now))
        kept = 0 if first else await self._db.execute(_PROLONG, self._owner, self._epoch, until)
        if kept == len(self.ranges) and kept >= self._share:
            return None
        room = max(0, self._share - kept)
        return await self._db.fetch_all(_Claimed, _CLAIM, self._owner, self._epoch, until, now, room)

    @property
    def _share(self) -> int:
        return -(-RANGES // max(1, self.members))

    async def ready(self, limit: int) -> list[LeasedRow]:
        """Return the oldest messages of our ranges that may go out, at most `limit`, in order."""
        if not self.ranges:
            return []
        mine = "" if len(self.ranges) == RANGES else f" AND key_range IN ({_numbers(self.ranges)})"
        return await self._db.fetch_all(
            LeasedRow,
            f"SELECT seq, key_range, lane, message FROM atoll_outbox WHERE {READY}{mine} ORDER BY seq LIMIT $1",
            limit,
        )

    async def confirm(self, seqs: Sequence[int], position: BrokerPosition | None = None) -> None:
        """Note that the broker has these, up to `position` in its store; they stay for a while, to be swept.

        Of the position now and those noted before, the furthest is kept.
        """
        if position is not None:
            position = max((position, *self.positions), key=lambda each: each.place)
        async with self._writing(position):
            await self._change(
                "confirmed_at = $3, held_at = NULL", f"seq {self._these('$4')}", self._clock.now(), list(seqs)
            )
        if position is not None:
            self.positions = frozenset({position})

    async def hold(self, seqs: Sequence[int]) -> None:
        """Put these aside, behind a message of their lane that the broker refuses, until they are confirmed."""
        async with self._writing():
            await self._change("held_at = $3", f"seq {self._these('$4')}", self._clock.now(), list(seqs))

    async def held_rows(self, lanes: Collection[str], limit: int) -> list[LeasedRow]:
        """Return the oldest of what was put aside in these lanes, at most `limit`, in order."""
        these = self._db.engine.dialect.one_of("$1")
        return await self._db.fetch_all(
            LeasedRow,
            "SELECT seq, key_range, lane, message FROM atoll_outbox "
            f"WHERE held_at IS NOT NULL AND lane {these} ORDER BY seq LIMIT $2",
            list(lanes),
            limit,
        )

    async def held(self) -> set[str]:
        """Return the lanes of our ranges that have held messages."""
        return {row.lane for row in await self._lanes()}

    async def ripen(self) -> None:
        """Make ready what was scheduled and is due."""
        async with self._writing():
            await self._change("due_at = NULL", "due_at <= $3", self._clock.now())

    async def next_due(self) -> float:
        """Return the earliest time (epoch seconds) at which something of our ranges is due; infinite for none."""
        sql = (
            f"SELECT min(due_at) FROM atoll_outbox WHERE due_at IS NOT NULL AND key_range IN ({_numbers(self.ranges)})"
        )
        found = await self._db.fetch_value(sql) if self.ranges else None
        return inf if found is None else float(found)

    async def recall(self, limit: int, *, since: float = 0.0) -> int:
        """Take back up to `limit` confirmations, so that these messages are published again; return how many.

        Those from before `since` (epoch seconds) stay.
        """
        chosen = f"seq IN (SELECT seq FROM atoll_outbox WHERE confirmed_at >= $4 AND {_MINE} LIMIT $3)"
        async with self._writing():
            return await self._change("confirmed_at = NULL", chosen, limit, since)

    async def forget_positions(self) -> None:
        """Note that nothing is known of the broker's store any more."""
        self.positions = frozenset()
        async with self._writing(BrokerPosition()):
            pass

    async def give_back(self, ranges: Iterable[int]) -> None:
        """Let others take these ranges at once. Nothing of them may be on its way."""
        if not (chosen := frozenset(ranges)):
            return
        self.ranges -= chosen
        async with self._turn, self._db.transaction("read committed"):
            await self._db.execute(f"{_GIVE_BACK} IN ({_numbers(chosen)})", self._owner, self._epoch)

    async def leave(self) -> None:
        """Give everything back, and be counted no more."""
        if self._epoch != _NO_EPOCH:
            await self.give_back(self.ranges)
            async with self._db.transaction("read committed"):
                await self._db.execute("DELETE FROM atoll_relays WHERE owner = $1", self._owner)

    @asynccontextmanager
    async def _writing(self, position: BrokerPosition | None = None) -> AsyncGenerator[None]:
        """Prolong the lease and keep its rows locked while the block changes what is under it."""
        began = self._clock.monotonic()
        values: list[Any] = [self._owner, self._epoch, self._clock.now() + LEASE_SECONDS]
        sql = _PROLONG
        if position is not None:
            sql = sql.replace("$3", "$3, store = $4, place = $5, witness = $6")
            values += msgspec.structs.astuple(position)
        async with self._turn:
            async with self._db.transaction("read committed"):
                kept = await self._db.execute(sql, *values)
                yield
            self._until = began + LEASE_SECONDS - SPARE_SECONDS if kept == len(self.ranges) else -inf

    async def _change(self, change: str, chosen: str, *args: Any) -> int:
        sql = f"UPDATE atoll_outbox SET {change} WHERE {chosen} AND {_MINE}"
        return await self._db.execute(sql, self._owner, self._epoch, *args)

    async def _lanes(self) -> list[_Lane]:
        if not self.ranges:
            return []
        mine = f"key_range IN ({_numbers(self.ranges)})"
        sql = f"SELECT DISTINCT lane FROM atoll_outbox WHERE held_at IS NOT NULL AND {mine}"
        return await self._db.fetch_all(_Lane, sql)

    def _these(self, place: str) -> str:
        return self._db.engine.dialect.one_of(place, "BIGINT")


class _Lane(msgspec.Struct, frozen=True):
    lane: str


def _positions(claimed: Iterable[_Claimed]) -> Iterable[BrokerPosition]:
    """Return what is noted, once each; a range from which nothing was published notes nothing."""
    for each in claimed:
        position = BrokerPosition(store=each.store, place=each.place, witness=each.witness)
        if position != BrokerPosition():
            yield position


def _numbers(ranges: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ranges)))
