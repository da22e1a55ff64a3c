"""What SQLite raises, told in the errors of the package. Source: https://www.sqlite.org/rescode.html"""

from __future__ import annotations

import sqlite3
from typing import Final

from atoll.storage.errors import (
    ConstraintViolated,
    DiskFailed,
    StatementFailed,
    StorageError,
    TransactionConflict,
    ValueRefused,
)
from atoll.storage.port import Statement

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_FAILING: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL}
)


def translated(error: BaseException, statement: Statement | None = None) -> StorageError:
    """Return the error to raise `from` one of the driver; only one that clients do not see shows the SQL."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, OverflowError):
        return ValueRefused("a whole number is too large to be stored: it may be from -2^63 to 2^63 - 1")
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintViolated(str(error))
    if isinstance(error, MemoryError):
        return DiskFailed("memory is short")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return TransactionConflict(str(error))
    if code in _FAILING:
        return DiskFailed(str(error))
    about = "" if statement is None else f", in: {' '.join(statement.sql.split())[:200]}"
    return StatementFailed(f"{error}{about}")
