"""What the driver and the server raise, told in the errors of the package.

Source: the table of error codes, https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from typing import Final

import asyncpg

from atoll.storage.errors import (
    ConnectionLost,
    ConstraintViolated,
    DiskFailed,
    StatementFailed,
    StorageError,
    TransactionConflict,
    ValueRefused,
)

_CONFLICTS: Final = frozenset({"40001", "40P01"})
"""serialization_failure, deadlock_detected."""

_UNSTORABLE: Final = frozenset({"22003", "22021", "22P05"})
"""numeric_value_out_of_range, character_not_in_repertoire, untranslatable_character."""

_GONE: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "53300"})
"""Shut down, crashed, starting, idle for too long (in a transaction too), too many connections."""

_FAILING: Final = ("53", "58")
"""Insufficient resources (a full disk, no memory), and errors of the system below (I/O)."""

_NO_CONNECTION: Final = ("connection is closed", "connection has been released", "pool is clos")

DRIVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


def translated(error: BaseException, sql: str = "") -> StorageError:
    """Return the error to raise `from` one of DRIVER_ERRORS. Only one that clients do not see shows the SQL."""
    message = str(error.args[0]) if error.args else type(error).__name__
    if connection_lost(error):
        return ConnectionLost(f"the connection to the database is lost: {error or type(error).__name__}")
    if isinstance(error.__cause__, OverflowError):  # by the driver's encoder, before anything was sent
        return ValueRefused(message)
    code = getattr(error, "sqlstate", None) or ""
    # A plan that a change of the schema made void: the statement was not run, and is planned anew next time.
    if code in _CONFLICTS or isinstance(error, asyncpg.InvalidCachedStatementError):
        return TransactionConflict(message)
    if code.startswith(_FAILING):
        return DiskFailed(message)
    if code.startswith("23"):
        return ConstraintViolated(message)
    if code in _UNSTORABLE:
        return ValueRefused(message)
    return StatementFailed(f"{message}, in: {' '.join(sql.split())[:200]}" if sql else message)


def connection_lost(error: BaseException) -> bool:
    """Tell whether the connection is of no more use."""
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        return code in _GONE or code.startswith("08")
    if isinstance(error, asyncpg.InterfaceError):
        return any(word in str(error) for word in _NO_CONNECTION) and not isinstance(error, ValueError)
    # An internal error is what the driver makes of a word the server says unasked, such as its farewell.
    return isinstance(error, OSError | asyncpg.InternalClientError)
