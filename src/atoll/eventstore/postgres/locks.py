"""The advisory locks by which appends wait for one another, where they must.

An append shares the lock of its tenant and those of its events' tags with all others, so they run side by side. A
condition takes alone what every event that it forbids shares: the lock of one tag, or where a criterion names none,
that of the tenant. It then sees every event that could break it, because who comes later waits for its commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from atoll.eventstore.events import Query
from atoll.eventstore.port import Write
from atoll.storage.port import Session, Statement

BUCKETS: Final = 256
"""Locks for the tags of a tenant: a batch holds no more than that, whatever it appends."""

GAPLESS_LOCK: Final = 0x61746F6C6C_6761
"""Held by each append of a gapless store until it commits."""

_TAKE: Final = """
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(key) ELSE pg_advisory_xact_lock_shared(key) END
FROM (
    SELECT CAST(value ->> 0 AS bigint) AS key, CAST(value ->> 1 AS boolean) AS alone
    FROM json_array_elements(CAST($1 AS json)) ORDER BY 1
) wanted
"""


async def take_locks(session: Session, writes: Sequence[Write]) -> None:
    """Take what `writes` need, in one order for everybody."""
    alone = locks_alone(writes)
    wanted = [(key, key in alone) for key in sorted(alone | locks_shared(writes))]
    await session.fetch(Statement(_TAKE, (wanted,)))


async def take_the_count(session: Session, writes: Sequence[Write]) -> None:
    """Be the only one that appends to a gapless store."""
    await session.fetch(Statement(f"SELECT pg_advisory_xact_lock({GAPLESS_LOCK})"))


def locks_shared(writes: Iterable[Write]) -> set[int]:
    """Return the locks that the events of `writes` share with others."""
    locks: set[int] = set()
    for write in writes:
        locks.add(lock_of(write.tenant))
        for part in write.parts:
            for event in part.events:
                if event.tags:
                    locks.update(lock_of(write.tenant, tag) for tag in event.tags)
    return locks


def locks_alone(writes: Iterable[Write]) -> set[int]:
    """Return the locks that the conditions of `writes` must have for themselves."""
    return {
        lock
        for write in writes
        if write.condition is not None
        for lock in _of_query(write.tenant, write.condition.query)
    }


def _of_query(tenant: str, query: Query) -> set[int]:
    if not query.criteria:
        return {lock_of(tenant)}
    return {lock_of(tenant, min(each.tags) if each.tags else None) for each in query.criteria}


@lru_cache(maxsize=65_536)
def lock_of(tenant: str, tag: str | None = None) -> int:
    """Return the key of a tenant's lock, or of the bucket that a tag of it falls in."""
    bucket = b"" if tag is None else str(_number(tag.encode()) % BUCKETS).encode()
    return _number(b"atoll_events\0" + tenant.encode() + b"\0" + bucket)


def _number(name: bytes) -> int:
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big", signed=True)
