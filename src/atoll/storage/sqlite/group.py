"""Units of work that share one transaction of SQLite and its commit: what is done on the connection's thread.

`BEGIN IMMEDIATE` once, a savepoint for each member but the first, which may undo everything; then one `COMMIT`. The
members follow one another, so each sees what those before it have done and none sees half of another. What one member
undoes is its own; what is undone without being asked for (SQLite ends a transaction by itself when a disk is full or
fails, memory is short, or a constraint says ON CONFLICT ROLLBACK) is told to every member, and so is a commit that
fails: https://www.sqlite.org/lang_transaction.html
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from atoll.core.crashing import crash_point
from atoll.storage.errors import ConstraintViolated, DiskFailed, StorageError, TransactionConflict
from atoll.storage.port import Result, Statement
from atoll.storage.rows import bound
from atoll.storage.sqlite.errors import translated
from atoll.storage.sqlite.members import Group, Member, Pace
from atoll.storage.sqlite.patience import patiently
from atoll.storage.sqlite.text import text_of

T = TypeVar("T")

_RELEASED: Final = crash_point("shared_commit.released")
_COMMITTED: Final = crash_point("shared_commit.committed")


class Ending(NamedTuple):
    """What came of the end of a member: whether the transaction ended too, and the error its members are told."""

    ended: bool
    outcome: StorageError | None


def within(connection: sqlite3.Connection, member: Member, function: Callable[..., T], *args: Any) -> T:
    """Run `function(connection, *args)` as a part of the member's work, beginning it when this is the first."""
    if member.failure is not None:
        raise member.failure
    if member.opened and not connection.in_transaction:
        raise member.group.lost or TransactionConflict("the transaction was rolled back by an earlier error")
    if not member.opened:
        _open(connection, member)
    try:
        if member.expected:
            _begin_as_expected(connection, member)
        return function(connection, *args)
    except BaseException as error:
        _look_for_loss(connection, member, error)
        raise


def hurry(connection: sqlite3.Connection, holder: Member, group: Group) -> Ending:
    """Commit what is done of `group`, undoing what `holder`, the last one in it, has done so far."""
    if holder.opened:
        holder.failure = TransactionConflict("this unit of work kept others from their commit, so it was undone")
        _undo(connection, holder)
        group.pace.held(time.perf_counter() - holder.began)
    return Ending(ended=True, outcome=_commit(connection, group))


def end(
    connection: sqlite3.Connection, member: Member, last: Sequence[Statement], *, keep: bool, commit: bool
) -> Ending:
    """End the member, by keeping its work with its `last` statements or by undoing it; then perhaps commit."""
    if keep and _keep(connection, member, last):
        _RELEASED.reached()
    else:
        _undo(connection, member)
    if member.opened:
        member.group.pace.held(time.perf_counter() - member.began)
    if not commit:
        return Ending(ended=False, outcome=None)
    outcome = _commit(connection, member.group)
    _COMMITTED.reached()
    return Ending(ended=True, outcome=outcome)


def run(connection: sqlite3.Connection, statement: Statement) -> sqlite3.Cursor:
    """Run a statement."""
    return connection.execute(text_of(statement.sql).sql, bound(statement.args))


def run_all(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Run statements that have the same SQL: inserts in the driver's own loop, which looks the SQL up once for all."""
    sql, inserts = text_of(statements[0].sql)
    if inserts:
        connection.executemany(sql, [bound(each.args) for each in statements])
    else:
        for each in statements:
            run(connection, each)


def execute(connection: sqlite3.Connection, statement: Statement) -> int:
    """Run a statement and return how many rows it changed."""
    cursor = run(connection, statement)
    if cursor.description:
        cursor.fetchall()  # the changes of a RETURNING are counted once all of it is read
    return max(cursor.rowcount, 0)


def fetch(connection: sqlite3.Connection, statement: Statement) -> Result:
    """Run a statement and return its rows."""
    cursor = run(connection, statement)
    return Result(tuple(column[0] for column in cursor.description or ()), cursor.fetchall())


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo everything, if there is something to undo."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _open(connection: sqlite3.Connection, member: Member) -> None:
    member.began = time.perf_counter()
    if connection.in_transaction:
        connection.execute("SAVEPOINT atoll_unit")
        member.saved = True
    elif member.group.kept:
        raise _loss(member.group)
    else:
        patiently(lambda: connection.execute("BEGIN IMMEDIATE"), lambda: not member.left)
        member.began = time.perf_counter()  # another process may have kept it waiting
    member.opened = True


def _begin_as_expected(connection: sqlite3.Connection, member: Member) -> None:
    expected, member.expected = member.expected, []
    for statement, otherwise in expected:
        if execute(connection, statement) != 1:
            raise otherwise


def _look_for_loss(connection: sqlite3.Connection, member: Member, error: BaseException) -> None:
    group = member.group
    if group.kept and group.lost is None and not connection.in_transaction:
        member.culprit = True
        group.lost = _told_to_others(error)


def _loss(group: Group) -> StorageError:
    """Return why the transaction of `group` is gone; somebody may have ended it by hand."""
    group.lost = group.lost or TransactionConflict("the transaction that this unit of work shared was undone")
    return group.lost


def _told_to_others(error: BaseException) -> StorageError:
    """A disk that fails fails them all; of anything else they are free when they run again."""
    told = translated(error)
    if isinstance(told, DiskFailed):
        return told
    return TransactionConflict(f"another unit of work of the same commit made SQLite undo it: {error}")


def _keep(connection: sqlite3.Connection, member: Member, last: Sequence[Statement]) -> bool:
    statement = None
    try:
        for _, those in groupby(last, attrgetter("sql")):
            statement, *_ = statements = list(those)
            within(connection, member, run_all, statements)
        if member.opened or member.expected:
            within(connection, member, _release, member)
            member.group.kept += 1
    except BaseException as error:  # noqa: BLE001 - told to the member when the group has ended
        if member.failure is None:
            member.failure = translated(error, statement)
            member.failure.__cause__ = error
        return False
    return True


def _release(connection: sqlite3.Connection, member: Member) -> None:
    if member.saved:
        connection.execute("RELEASE atoll_unit")


def _undo(connection: sqlite3.Connection, member: Member) -> None:
    if not (member.opened and connection.in_transaction):
        return
    try:
        if member.saved:
            connection.execute("ROLLBACK TO atoll_unit")
            connection.execute("RELEASE atoll_unit")
        else:
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        member.group.lost = member.group.lost or _told_to_others(error)


def _commit(connection: sqlite3.Connection, group: Group) -> StorageError | None:
    """End the transaction, if there is one, and return what every member is told when nothing was committed."""
    if group.kept and not connection.in_transaction:
        return _loss(group)
    try:
        if group.lost is None and connection.in_transaction:
            _timed_commit(connection, group.pace)
    except sqlite3.Error as error:
        group.lost = _refused(group, translated(error))
    try:
        roll_back(connection)
    except sqlite3.Error as error:
        group.lost = group.lost or translated(error)
    return group.lost


def _timed_commit(connection: sqlite3.Connection, pace: Pace) -> None:
    began = time.perf_counter()
    connection.execute("COMMIT")
    pace.committed(time.perf_counter() - began)


def _refused(group: Group, error: StorageError) -> StorageError:
    if group.kept > 1 and isinstance(error, ConstraintViolated):
        group.pace.shares = False
        return TransactionConflict(f"the commit of several units of work broke a deferred constraint: {error}")
    return error
