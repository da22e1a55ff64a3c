"""How much waits in the outbox and for how long, read at a price that does not grow with the rows that are kept."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from atoll.contracts import Message
from atoll.storage.database import Database
from atoll.storage.outbox_lease import READY

COUNTED: Final = 100_000
"""Of each kind (ready, held, due) messages are counted up to so many."""


class OutboxLag(NamedTuple):
    """Messages that the broker has not confirmed, and seconds for which the oldest of them has waited; 0 for none."""

    messages: int
    seconds: float


class _Waiting(msgspec.Struct, frozen=True):
    messages: int
    ready: Message | None
    held: Message | None
    due: float | None


_HELD: Final = "held_at IS NOT NULL"
_DUE: Final = "due_at <= $1"


def _some(condition: str) -> str:
    return f"(SELECT seq FROM atoll_outbox WHERE {condition} LIMIT {COUNTED}) AS few"


# The least number of the held ones is asked of a limited part: SQLite would otherwise look at every row for it.
LAG: Final = (
    f"SELECT (SELECT count(*) FROM {_some(READY)}) + (SELECT count(*) FROM {_some(_HELD)}) "
    f"+ (SELECT count(*) FROM {_some(_DUE)}) AS messages, "
    f"(SELECT message FROM atoll_outbox WHERE {READY} ORDER BY seq LIMIT 1) AS ready, "
    f"(SELECT message FROM atoll_outbox WHERE seq = (SELECT min(seq) FROM {_some(_HELD)})) AS held, "
    f"(SELECT min(due_at) FROM atoll_outbox WHERE {_DUE}) AS due"
)


async def outbox_lag(db: Database, now: float) -> OutboxLag:
    """Measure the outbox of `db` at `now` (epoch seconds).

    A message waits from when it was emitted, and a scheduled one, which counts once it is due, from then until a relay
    takes it up. Raises StorageError.
    """
    found = await db.fetch_one(_Waiting, LAG, now)
    if found is None or not found.messages:
        return OutboxLag(0, 0.0)
    times = [each.time for each in (found.ready, found.held) if each is not None]
    return OutboxLag(found.messages, max(0.0, now - min([*times, *filter(None, [found.due])], default=now)))
