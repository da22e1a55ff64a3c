"""One unit of work on SQLite: the writing connection while it is its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from atoll.storage.errors import StorageError
from atoll.storage.port import Result, Statement
from atoll.storage.sqlite.group import execute, fetch, within
from atoll.storage.sqlite.line import Line
from atoll.storage.sqlite.members import Member
from atoll.storage.sqlite.worker import Worker

T = TypeVar("T")


class SqliteSession:
    """Made by the engine when the turn has come; begins at its first statement."""

    def __init__(self, worker: Worker, line: Line, member: Member) -> None:
        self._worker = worker
        self._line = line
        self._member = member

    async def execute(self, statement: Statement) -> int:
        self._member.used = True
        return await self._worker.call(within, self._member, execute, statement)

    async def fetch(self, statement: Statement) -> Result:
        self._member.used = True
        return await self._worker.call(within, self._member, fetch, statement)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on the connection's thread, within the transaction; for bridges.

        Raises what the driver raises.
        """
        self._member.used = True
        return await self._worker.run(within, self._member, function, *args)

    async def expect(self, statement: Statement, otherwise: StorageError) -> None:
        self._member.used = True
        self._member.expected.append((statement, otherwise))

    async def commit(self, last: Sequence[Statement]) -> None:
        problem = await self._line.leave(self._member, last, keep=True)
        if problem is not None and not self._member.culprit:
            raise _again(problem)
        if self._member.failure is not None:
            raise self._member.failure
        if problem is not None:
            raise _again(problem)

    async def rollback(self) -> None:
        problem = await self._line.leave(self._member, keep=False)
        if problem is not None and not self._member.culprit:
            raise _again(problem)


def _again(problem: StorageError) -> StorageError:
    """Each member of a group raises an error of its own, which tracebacks and notes may be put on."""
    error = type(problem)(str(problem))
    error.__cause__ = problem
    return error
