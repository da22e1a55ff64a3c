"""The engine port: what a database must offer so that the unit of work stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Statement(NamedTuple):
    """SQL with `$1` placeholders, and its arguments."""

    sql: str
    args: tuple[Any, ...] = ()


class Result(NamedTuple):
    """What a statement gave: column names, rows in order, and how many rows it changed."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    changed: int


class Session(Protocol):
    """One open transaction. Statements run in the order they are given."""

    async def run(self, statement: Statement) -> Result:
        """Run one statement. Raises StatementFailed; the transaction can then only be rolled back."""
        ...

    async def commit(self, last: Sequence[Statement]) -> None:
        """Run `last`, then commit durably, in one trip. When it raises, nothing was committed.

        Cancellation does not interrupt it: the caller learns the outcome first.
        """
        ...

    async def rollback(self) -> None:
        """Undo everything. Never raises, and is not interrupted by cancellation."""
        ...


class Engine(Protocol):
    """One service's database."""

    async def begin(self) -> Session:
        """Wait for a turn and open a transaction that sees the latest commit and may write."""
        ...

    async def read(self, statement: Statement) -> Result:
        """Run one statement that only reads, on the latest committed state."""
        ...

    async def script(self, sql: str) -> None:
        """Run several statements separated by `;`, for schemas. They must be safe to repeat."""
        ...

    async def close(self) -> None:
        """Finish what runs and release the connections. Idempotent."""
        ...
