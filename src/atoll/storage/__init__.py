"""A database per service: SQL on the driver, one unit of work, outbox, inbox, stored replies, dead letters."""

from atoll.storage.database import Database
from atoll.storage.dead_letters import DeadLetter
from atoll.storage.errors import (
    CommitUnknown,
    ConnectionLost,
    ConstraintViolated,
    DatabaseUnusable,
    DiskFailed,
    KeyTaken,
    LetterGone,
    NotItsTurn,
    NoUnitOfWork,
    RemoteCallInTransaction,
    StatementFailed,
    StorageError,
    TransactionConflict,
    UnknownSchema,
    ValueRefused,
)
from atoll.storage.outbox import OutboxRow
from atoll.storage.replies import StoredReply
from atoll.storage.unit_of_work import UnitOfWork, current_unit, in_transaction

__all__ = [
    "CommitUnknown",
    "ConnectionLost",
    "ConstraintViolated",
    "Database",
    "DatabaseUnusable",
    "DeadLetter",
    "DiskFailed",
    "KeyTaken",
    "LetterGone",
    "NoUnitOfWork",
    "NotItsTurn",
    "OutboxRow",
    "RemoteCallInTransaction",
    "StatementFailed",
    "StorageError",
    "StoredReply",
    "TransactionConflict",
    "UnitOfWork",
    "UnknownSchema",
    "ValueRefused",
    "current_unit",
    "in_transaction",
]
