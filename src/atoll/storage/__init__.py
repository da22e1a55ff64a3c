"""A database per service: SQL on the driver, one unit of work, outbox, inbox, stored replies, dead letters."""

from atoll.storage.database import Database
from atoll.storage.dead_letters import DeadLetter
from atoll.storage.errors import (
    ConstraintViolated,
    DatabaseUnusable,
    NoUnitOfWork,
    RemoteCallInTransaction,
    StatementFailed,
    StorageError,
)
from atoll.storage.outbox import OutboxRow
from atoll.storage.replies import StoredReply
from atoll.storage.unit_of_work import UnitOfWork, current_unit, in_transaction

__all__ = [
    "ConstraintViolated",
    "Database",
    "DatabaseUnusable",
    "DeadLetter",
    "NoUnitOfWork",
    "OutboxRow",
    "RemoteCallInTransaction",
    "StatementFailed",
    "StorageError",
    "StoredReply",
    "UnitOfWork",
    "current_unit",
    "in_transaction",
]
