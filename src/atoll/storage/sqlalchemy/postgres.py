"""An asyncpg connection in the wrapping that SQLAlchemy's dialect is lent."""

from __future__ import annotations

from typing import Any, Final, cast

from atoll.storage.port import Session
from atoll.storage.postgres.session import PostgresSession

SAVEPOINT: Final = "atoll_bridge"


class LentPostgres:
    """The connection of a session, of which a transaction is a savepoint."""

    def __init__(self, session: Session) -> None:
        self._connection: Any = cast("PostgresSession", session).connection
        self.broken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def transaction(self, **options: Any) -> Savepoint:
        """Return what SQLAlchemy starts, commits and rolls back."""
        return Savepoint(self._connection)

    async def close(self, *, timeout: float | None = None) -> None:
        """Do nothing: the unit of work closes it."""

    def terminate(self) -> None:
        """Note that SQLAlchemy does not trust the connection any more."""
        self.broken = True


class Savepoint:
    """asyncpg's Transaction, within the one that the unit of work has begun."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def start(self) -> None:
        await self._connection.execute(f"SAVEPOINT {SAVEPOINT}")

    async def commit(self) -> None:
        await self._connection.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")

    async def rollback(self) -> None:
        await self._connection.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}")
