"""What the event log says differently to each database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from atoll.eventstore.deciding import Row
from atoll.storage.dialect import Dialect
from atoll.storage.port import Statement


class Insertion(Protocol):
    """Makes the statements that insert rows."""

    def __call__(self, rows: Sequence[Row], *, transaction: int, first: int, time: float) -> list[Statement]:
        """Insert `rows` as the events `first`, `first + 1`, … of a transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One dialect's.

    `place` is what orders events (columns of an alias `{0}`), `place_columns` the same as two columns, `after` the
    condition that an event comes after the position in two arguments `{1}` and `{2}`. `end` selects the end of the
    feed: `transaction_id`, `number`, and `held`; `settled` is the condition that event `e` is before that end `h`.
    `lateral` lets a joined query name that end. `heads` finds the heads of streams: for each pair in `$1` the tenant,
    stream, version, whether deleted, its last event's transaction; and the transaction in hand and the last number.
    `newest` finds the place of the last event.
    """

    dialect: Dialect
    tables: str
    place: str
    place_columns: str
    after: str
    end: str
    settled: str
    lateral: str
    heads: str
    newest: str
    insertion: Insertion
