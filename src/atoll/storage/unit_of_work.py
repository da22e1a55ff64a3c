"""The unit of work: everything a command writes, in one local transaction, on a context variable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from atoll.core.crashing import crash_point
from atoll.core.hooks import Hooks
from atoll.core.machine import machine
from atoll.storage.control import refuse_control
from atoll.storage.errors import CommitUnknown, NoUnitOfWork, StatementFailed, StorageError, TransactionConflict
from atoll.storage.port import Isolation, Result, Session, Statement
from atoll.storage.records import Outcome, TransactionFinished
from atoll.storage.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from atoll.storage.database import Database

OPENED: Final = crash_point("transaction.opened")
COMMITTING: Final = crash_point("transaction.committing")
COMMITTED: Final = crash_point("transaction.committed")


class UnitOfWork:
    """One transaction in the making, opened at its first statement: work that stores nothing costs nothing.

    Statements that need no answer are deferred and travel with the commit, in the order they were given. After a
    statement that failed or was cancelled nothing more can be done but to end the block, on every engine alike.
    """

    def __init__(self, database: Database, hooks: Hooks, isolation: Isolation) -> None:
        self.database = database
        self.isolation: Isolation = isolation
        self._hooks = hooks
        self._session: Session | None = None
        self._opening = asyncio.Lock()
        self._expected: list[tuple[Statement, StorageError]] = []
        self._at_opening: list[Callable[[Session], Awaitable[None]]] = []
        self._deferred: list[Statement] = []
        self._after_commit: list[Callable[[], None]] = []
        self._failure: BaseException | None = None
        self._began = 0.0
        self.ended = False

    @property
    def is_open(self) -> bool:
        """True once a statement has run, until the end."""
        return self._session is not None

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement in the transaction and return how many rows it changed."""
        try:
            refuse_control(sql)
            return await (await self.session()).execute(Statement(sql, args))
        except BaseException as error:
            self.spoil(error)
            raise

    async def fetch(self, sql: str, *args: Any) -> Result:
        """Run a statement in the transaction and return its rows."""
        try:
            refuse_control(sql)
            return await (await self.session()).fetch(Statement(sql, args))
        except BaseException as error:
            self.spoil(error)
            raise

    async def session(self) -> Session:
        """Return the transaction itself, opened if this is the first use; for bridges to other libraries."""
        self._check()
        return self._session or await self._open()

    def spoil(self, error: BaseException) -> None:
        """Let the unit of work end in nothing but a rollback, because of `error`."""
        self._failure = self._failure or error

    def at_opening(self, call: Callable[[Session], Awaitable[None]]) -> None:
        """Run `call` on the transaction when it is opened, before its first statement; what it raises ends it."""
        self._at_opening.append(call)

    def expect(self, statement: Statement, otherwise: StorageError) -> None:
        """Run `statement` when the transaction is opened, with its first one, which raises `otherwise` unless exactly
        one row is changed.
        """
        self._expected.append((statement, otherwise))

    def defer(self, sql: str, *args: Any) -> None:
        """Run a statement just before the commit, after everything else."""
        self._deferred.append(Statement(sql, args))

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call `call` once, right after a successful commit; it must be quick and must not raise."""
        if call not in self._after_commit:
            self._after_commit.append(call)

    def relax(self) -> None:
        """Make do with `read committed` if no statement has run yet: each of those to come is right by itself."""
        self.isolation = "read committed"

    async def commit(self) -> None:
        """Make everything durable at once, then run the calls that waited for it.

        When it raises nothing is durable, but for CommitUnknown. A cancellation meanwhile is raised afterwards.
        """
        self._check()
        if self._session is not None or self._deferred:
            session = self._session or await self._open()
            self._session, self.ended = None, True
            await uninterrupted(self._commit(session))
        else:
            self.ended = True
            self._call_back()

    async def rollback(self, error: BaseException) -> None:
        """Forget everything because of `error`. A cancellation meanwhile is raised afterwards.

        Raises TransactionConflict or DiskFailed when `error` may come of something that was undone itself.
        """
        self.ended = True
        self._deferred.clear()
        session, self._session = self._session, None
        if session is not None:
            try:
                await uninterrupted(session.rollback())
            except StorageError as undone:
                self._told(_outcome(undone))
                if isinstance(error, Exception):
                    raise undone from error
            else:
                self._told(_outcome(error))

    def _check(self) -> None:
        if self._failure is not None:
            raise StatementFailed(
                "an earlier statement of this unit of work failed, so all of it will be undone: let the error leave "
                "the block instead of catching it within"
            ) from self._failure

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is None:
                self._began = machine().monotonic()
                self._session = await self._begin()
            return self._session

    async def _begin(self) -> Session:
        session = await self.database.engine.begin(self.isolation)
        try:
            OPENED.reached()
            for statement, otherwise in self._expected:
                await session.expect(statement, otherwise)
            for call in self._at_opening:
                await call(session)
            if self.ended:
                raise NoUnitOfWork("the unit of work has ended meanwhile")
        except BaseException:
            await uninterrupted(session.rollback())
            raise
        return session

    async def _commit(self, session: Session) -> None:
        COMMITTING.reached()
        try:
            await session.commit(self._deferred)
        except Exception as error:
            self._told(_outcome(error))
            raise
        COMMITTED.reached()
        self._told("committed")
        self._call_back()

    def _call_back(self) -> None:
        for call in self._after_commit:
            call()

    def _told(self, outcome: Outcome) -> None:
        self._hooks.emit(TransactionFinished(outcome=outcome, seconds=machine().monotonic() - self._began))


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, CommitUnknown):
        return "unknown"
    return "conflict" if isinstance(error, TransactionConflict) else "rolled_back"


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
