"""The errors of the storage package.

StorageError
├── DatabaseUnusable            the URL, the file, the server or its settings cannot be used; raised at start
│   └── UnknownSchema           … its tables are of another version than the code
├── ConnectionLost              the server is not reachable, or went away before a commit; nothing was committed
├── CommitUnknown               the server went away during a commit, which may have happened or not
├── DiskFailed                  its disk is full or fails, or memory is short; nothing was committed
├── StatementFailed             the database refused a statement
│   ├── ConstraintViolated      … because of a unique, foreign key, not-null, check or exclusion constraint
│   ├── ValueRefused            … because a value is too large for its column or has a NUL character
│   └── TransactionConflict     … or the commit, because of another transaction: the same work may succeed again
├── KeyTaken                    a reply is stored under this idempotency key already
├── NotItsTurn                  the consumer has had this message, or a dead letter of its key comes first
├── LetterGone                  a dead letter was replayed, changed or discarded meanwhile
├── NoUnitOfWork                a write outside of a unit of work
└── RemoteCallInTransaction     a call to another service while a local transaction is open
"""

from __future__ import annotations

from atoll.core.errors import AtollError


class StorageError(AtollError):
    """Base of the package."""


class DatabaseUnusable(StorageError):
    """The database cannot be opened; the message names each problem and says what to do."""

    code = "unavailable"


class UnknownSchema(DatabaseUnusable):
    """The tables in the database are not those this code works with; the message says which are, and what to do."""


class ConnectionLost(StorageError):
    """There is no connection to the database, or it broke before the commit was asked for: nothing was committed."""

    code = "unavailable"
    retryable = True


class CommitUnknown(StorageError):
    """The connection broke while the commit was under way: everything was committed, or nothing.

    Do the same again under the same key: an idempotency key, an inbox row or a saga's journal tells which it was.
    """

    code = "unavailable"
    retryable = True
    in_doubt = True


class DiskFailed(StorageError):
    """The database cannot store now: its disk is full or fails, or memory is short. Nothing was committed.

    The same may succeed once somebody has seen to it, so work is kept and tried again rather than given up.
    """

    code = "unavailable"
    retryable = True


class StatementFailed(StorageError):
    """The database refused a statement; the driver's error is the cause."""


class ConstraintViolated(StatementFailed):
    """A row would break a constraint of the schema."""

    code = "conflict"


class ValueRefused(StatementFailed):
    """An argument cannot be stored: a number outside of the column's range, or text with a NUL character."""

    code = "invalid"


class TransactionConflict(StatementFailed):
    """Another transaction got in between, so this one is undone; running the same work again may succeed.

    `Database.atomic` does so by itself.
    """

    code = "unavailable"
    retryable = True


class KeyTaken(StorageError):
    """Another unit of work has stored a reply under this idempotency key; this one has done nothing."""


class NotItsTurn(StorageError):
    """The inbox knows this message, or a message with the same key is a dead letter; nothing was done."""


class LetterGone(StorageError):
    """Somebody else has replayed, changed or discarded the dead letter; nothing was done."""

    code = "conflict"


class NoUnitOfWork(StorageError):
    """A statement that writes was run outside of a unit of work."""


class RemoteCallInTransaction(StorageError):
    """Another service was called while a local transaction was open.

    A lock would be held for as long as the network likes, and the two effects could not be undone together.
    """
