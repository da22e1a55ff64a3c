"""Hands the open transaction of the unit of work in hand to SQLAlchemy.

SQLAlchemy's own dialects for asyncpg and aiosqlite run on it: instead of opening a connection they are lent the one of
the unit of work, in a wrapping in which a transaction is a savepoint and closing does nothing. So the unit of work
alone decides what is committed, and SQLAlchemy's `commit` and `rollback` mean what they say within it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from atoll.storage.database import Database
from atoll.storage.errors import TransactionConflict
from atoll.storage.port import Session

_CONFLICTS: Final = frozenset({"40001", "40P01"})


class Lent(Protocol):
    """A driver's connection as SQLAlchemy sees it. `broken` once SQLAlchemy has given it up."""

    broken: bool


_lent: ContextVar[Lent] = ContextVar("atoll_lent_connection")
_engines: WeakKeyDictionary[Database, AsyncEngine] = WeakKeyDictionary()


@asynccontextmanager
async def session(db: Database, **options: Any) -> AsyncGenerator[AsyncSession]:
    """An ORM session on the unit of work in hand; `options` are those of AsyncSession.

    It is flushed at the end of the block. `session.rollback()`, or an error that leaves the block, undoes what the
    session has done and nothing else; what is kept is committed by the unit of work, with all else it holds.
    Raises NoUnitOfWork outside of one, TransactionConflict as statements of `db` do. One task at a time.
    """
    options = {"expire_on_commit": False, **options}
    async with (
        connection(db) as lent,
        AsyncSession(lent, join_transaction_mode="create_savepoint", **options) as opened,
    ):
        yield opened
        await opened.commit()


@asynccontextmanager
async def connection(db: Database) -> AsyncGenerator[AsyncConnection]:
    """A connection on the unit of work in hand, as `engine.begin()` gives one; see `session`."""
    unit = db.unit_of_work()
    lent = _lend(db, await unit.session())
    token = _lent.set(lent)
    try:
        async with _engine(db).begin() as opened:
            yield opened
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _CONFLICTS:
            unit.spoil(error)
            raise TransactionConflict(str(error.orig)) from error
        raise
    except BaseException as error:
        if not isinstance(error, Exception):  # cancelled: nobody knows which statements were run
            unit.spoil(error)
        raise
    finally:
        _lent.reset(token)
        if lent.broken:
            unit.spoil(ConnectionError("SQLAlchemy gave the connection up"))


def _engine(db: Database) -> AsyncEngine:
    if db not in _engines:
        drivers = {"postgresql": "postgresql+asyncpg://", "sqlite": "sqlite+aiosqlite://"}
        url = drivers[db.engine.dialect.name]
        _engines[db] = create_async_engine(url, poolclass=NullPool, async_creator=_borrow)
    return _engines[db]


async def _borrow() -> Any:
    return _lent.get()


def _lend(db: Database, session: Session) -> Lent:
    if db.engine.dialect.name == "postgresql":
        from atoll.storage.sqlalchemy.postgres import LentPostgres

        return LentPostgres(session)
    from atoll.storage.sqlalchemy.sqlite import LentSqlite

    return LentSqlite(session)
