"""PostgreSQL: serializable units of work on asyncpg, every commit on the server's disk before it is answered."""

from atoll.storage.postgres.engine import PostgresEngine

__all__ = ["PostgresEngine"]
