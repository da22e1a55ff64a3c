"""The event log on SQLite."""

from atoll.eventstore.sqlite.log import SqliteEventLog

__all__ = ["SqliteEventLog"]
