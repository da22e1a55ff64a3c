"""The errors of the storage package.

StorageError
├── DatabaseUnusable            the URL, the file or the server cannot be used; raised at start
├── StatementFailed             the database refused a statement
│   └── ConstraintViolated      … because of a unique, foreign key, not-null or check constraint
├── NoUnitOfWork                a write outside of a unit of work
└── RemoteCallInTransaction     a call to another service while a local transaction is open
"""

from __future__ import annotations

from atoll.core.errors import AtollError


class StorageError(AtollError):
    """Base of the package."""


class DatabaseUnusable(StorageError):
    """The database cannot be opened; the message names it and says what to do."""

    code = "unavailable"


class StatementFailed(StorageError):
    """The database refused a statement; the driver's error is the cause."""


class ConstraintViolated(StatementFailed):
    """A row would break a constraint of the schema."""

    code = "conflict"


class NoUnitOfWork(StorageError):
    """A statement that writes was run outside of a unit of work."""


class RemoteCallInTransaction(StorageError):
    """Another service was called while a local transaction was open.

    A lock would be held for as long as the network likes, and the two effects could not be undone together.
    """
