"""SQLAlchemy within a unit of work: its writes commit together with the outbox rows, the reply and the journal."""

from atoll.storage.sqlalchemy.bridge import connection, session

__all__ = ["connection", "session"]
