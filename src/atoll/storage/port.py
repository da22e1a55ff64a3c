"""The engine port: what a database must offer so that the unit of work stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

from atoll.storage.dialect import Dialect
from atoll.storage.errors import StorageError

Isolation = Literal["serializable", "read committed"]
"""`serializable`: as if units of work ran one after the other, or TransactionConflict. `read committed` is for
work of which each statement is right by itself: it never conflicts, and what it read may change meanwhile."""


class Statement(NamedTuple):
    """SQL with `$1` placeholders, and its arguments."""

    sql: str
    args: tuple[Any, ...] = ()


class Result(NamedTuple):
    """The rows of a statement in order, and the names of their columns (which may be missing without rows)."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


class Session(Protocol):
    """One open transaction. Statements run one after the other, in the order they are given.

    A statement that raises leaves a transaction that can only be rolled back. `commit` or `rollback` is called
    once, and ends the session; neither is ever cancelled.
    """

    async def execute(self, statement: Statement) -> int:
        """Run a statement and return how many rows it changed.

        Raises StatementFailed or one of its kinds, ConnectionLost.
        """
        ...

    async def fetch(self, statement: Statement) -> Result:
        """Run a statement and return its rows. Raises as `execute` does."""
        ...

    async def expect(self, statement: Statement, otherwise: StorageError) -> None:
        """Run `statement` before all others, at once or, to save a trip, together with the first of them.

        Either this or that one raises `otherwise` unless it changes exactly one row.
        """
        ...

    async def commit(self, last: Sequence[Statement]) -> None:
        """Run `last`, then commit durably.

        When it raises nothing was committed, but for CommitUnknown.
        """
        ...

    async def rollback(self) -> None:
        """Undo everything.

        Raises only on an engine whose transactions share a commit: when what this one has read was undone with
        the others, so that whatever it made of that does not count. TransactionConflict or DiskFailed then.
        """
        ...


class Engine(Protocol):
    """One service's database."""

    dialect: Dialect

    async def begin(self, isolation: Isolation = "serializable") -> Session:
        """Open a transaction that sees the latest commit and may write.

        Waits for a turn or a connection; leaves nothing behind when cancelled. Raises ConnectionLost.
        """
        ...

    async def read(self, statement: Statement) -> Result:
        """Run one statement that only reads, on the latest committed state. Raises as a session does."""
        ...

    async def script(self, sql: str) -> None:
        """Run several statements separated by `;` in one transaction, for schemas; all or nothing.

        They must be safe to repeat. `{serial}` and its kin are filled in (see Dialect). Replicas that start
        together take turns.
        """
        ...

    async def close(self) -> None:
        """Finish what runs and release the connections. Idempotent."""
        ...
