"""The unit of work: everything a command writes, in one local transaction, on a context variable."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from atoll.core.hooks import Hooks
from atoll.storage.errors import NoUnitOfWork
from atoll.storage.port import Result, Session, Statement
from atoll.storage.records import TransactionFinished

if TYPE_CHECKING:
    from atoll.storage.database import Database


class UnitOfWork:
    """One transaction in the making, opened at its first statement: work that stores nothing costs nothing.

    Statements that need no answer are deferred and travel with the commit, in the order they were given.
    """

    def __init__(self, database: Database, hooks: Hooks) -> None:
        self.database = database
        self._hooks = hooks
        self._session: Session | None = None
        self._deferred: list[Statement] = []
        self._after_commit: list[Callable[[], None]] = []
        self._began = 0.0
        self.ended = False

    @property
    def is_open(self) -> bool:
        """True once a statement has run, until the end."""
        return self._session is not None

    async def run(self, sql: str, *args: Any) -> Result:
        """Run a statement in the transaction, opening it if this is the first."""
        if self._session is None:
            self._began = time.monotonic()
            self._session = await self.database.engine.begin()
        return await self._session.run(Statement(sql, args))

    def defer(self, sql: str, *args: Any) -> None:
        """Run a statement just before the commit, after everything else."""
        self._deferred.append(Statement(sql, args))

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call `call` once, right after a successful commit; it must be quick and must not raise."""
        if call not in self._after_commit:
            self._after_commit.append(call)

    async def commit(self) -> None:
        """Make everything durable at once. When it raises, nothing is."""
        if self._session is None:
            if not self._deferred:
                return
            self._began = time.monotonic()
            self._session = await self.database.engine.begin()
        session, self._session = self._session, None
        await session.commit(self._deferred)
        self._told("committed")

    def end(self) -> None:
        """Close for good: code that still holds it, such as a task begun within, is outside of it now."""
        self.ended = True

    def committed(self) -> None:
        """Run the calls that waited for the commit."""
        for call in self._after_commit:
            call()

    async def rollback(self) -> None:
        """Forget everything."""
        self._deferred.clear()
        session, self._session = self._session, None
        if session is not None:
            await session.rollback()
            self._told("rolled_back")

    def _told(self, outcome: Any) -> None:
        self._hooks.emit(TransactionFinished(outcome=outcome, seconds=time.monotonic() - self._began))


ambient: ContextVar[UnitOfWork | None] = ContextVar("atoll_unit_of_work", default=None)


def ambient_unit() -> UnitOfWork | None:
    """Return the unit of work of the current task, if there is one that has not ended."""
    unit = ambient.get()
    return None if unit is None or unit.ended else unit


def current_unit() -> UnitOfWork:
    """Return the unit of work of the current task. Raises NoUnitOfWork when there is none."""
    if (unit := ambient_unit()) is None:
        raise NoUnitOfWork(
            "a write needs a unit of work: do it in a command or an event handler, "
            "or within `async with db.transaction():`"
        )
    return unit


def in_transaction() -> bool:
    """Tell whether a local transaction is open in the current task."""
    unit = ambient_unit()
    return unit is not None and unit.is_open
