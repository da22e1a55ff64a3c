"""One SQLite file a service, through SQLAlchemy's asynchronous ORM; a commit is on the disk when it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The tables of the service in this process."""


sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(expire_on_commit=False)
"""`async with sessions.begin() as session:` is one transaction."""


async def open_database(path: Path) -> AsyncEngine:
    """Open or make the file and its tables.

    One connection: SQLite has one writer anyway, a queue for it is cheaper than busy waiting, and what a
    transaction has read is still true when it writes.
    """
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0)
    event.listen(engine.sync_engine, "connect", _prepare)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions.configure(bind=engine)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()
