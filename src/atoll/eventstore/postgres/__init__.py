"""The event log on PostgreSQL."""

from atoll.eventstore.postgres.log import PostgresEventLog

__all__ = ["PostgresEventLog"]
