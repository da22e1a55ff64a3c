"""SQLAlchemy's sessions within our units of work, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, Integer, Numeric, String, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from atoll.storage import ConstraintViolated, Database, NoUnitOfWork, StatementFailed
from atoll.storage.sqlalchemy import connection, session
from atoll.testing.database_suite import made


class Base(DeclarativeBase):
    pass


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    title: Mapped[str] = mapped_column(String(200), unique=True)
    price: Mapped[float] = mapped_column(Numeric(10, 2), default=0)
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)


class Numbered(Base):
    __tablename__ = "numbered"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    note: Mapped[str] = mapped_column(String(200))


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path, postgres_schema: str) -> AsyncIterator[Database]:
    urls = {"sqlite": f"sqlite:///{tmp_path}/books.db", "postgresql": postgres_schema}
    database = await Database.open(urls[request.param])
    async with database.transaction(), connection(database) as opened:
        await opened.run_sync(Base.metadata.create_all)
    yield database
    await database.close()


async def titles(db: Database) -> list[str]:
    sql = "SELECT coalesce(min(title), '') FROM books WHERE id = $1"
    return [str(await db.fetch_value(sql, each)) for each in (1, 2)]


async def test_what_a_session_writes_commits_with_the_outbox(db: Database) -> None:
    async with db.transaction():
        async with session(db) as opened:
            opened.add(Book(id=1, title="Emma", tags=["a"]))
        db.outbox.add(made(1))
    assert (await titles(db), await db.outbox.count()) == (["Emma", ""], 1)


async def test_what_a_session_wrote_is_undone_with_the_unit_of_work(db: Database) -> None:
    with pytest.raises(ValueError, match="no"):
        async with db.transaction():
            async with session(db) as opened:
                opened.add(Book(id=1, title="Emma"))
                await opened.commit()
            db.outbox.add(made(1))
            raise ValueError("no")
    assert (await titles(db), await db.outbox.count()) == (["", ""], 0)


async def test_both_see_what_the_other_wrote_within_one_unit_of_work(db: Database) -> None:
    async with db.transaction():
        await db.execute("INSERT INTO books VALUES (1, 'Emma', 5.25, '[\"x\"]')")
        async with session(db) as opened:
            book = await opened.get_one(Book, 1)
            assert (book.title, float(book.price), book.tags) == ("Emma", 5.25, ["x"])
            book.title = "Persuasion"
            await opened.flush()
            assert await db.fetch_value("SELECT title FROM books") == "Persuasion"
    assert await titles(db) == ["Persuasion", ""]


async def test_a_rollback_of_the_session_undoes_its_writes_and_no_others(db: Database) -> None:
    async with db.transaction():
        await db.execute("INSERT INTO books VALUES (1, 'Emma', 0, '[]')")
        async with session(db) as opened:
            opened.add(Book(id=2, title="Persuasion"))
            await opened.flush()
            await opened.rollback()
    assert await titles(db) == ["Emma", ""]


async def test_a_failure_that_leaves_the_session_s_block_can_be_survived(db: Database) -> None:
    async with db.transaction():
        await db.execute("INSERT INTO books VALUES (1, 'Emma', 0, '[]')")
        with pytest.raises(IntegrityError):
            async with session(db) as opened:
                opened.add(Book(id=2, title="Emma"))
        await db.execute("INSERT INTO books VALUES (2, 'Persuasion', 0, '[]')")
    assert await titles(db) == ["Emma", "Persuasion"]


async def test_keys_that_the_database_gives_are_read_back(db: Database) -> None:
    async with db.transaction():
        async with session(db) as opened:
            notes = [Numbered(note=str(each)) for each in range(5)]
            opened.add_all(notes)
        assert len({each.id for each in notes}) == 5
        async with connection(db) as lent:
            assert await lent.scalar(select(func.count()).select_from(Numbered)) == 5


async def test_several_sessions_may_follow_each_other_in_one_unit_of_work(db: Database) -> None:
    async with db.transaction():
        for number, title in ((1, "Emma"), (2, "Persuasion")):
            async with session(db) as opened, opened.begin():
                opened.add(Book(id=number, title=title))
    assert await titles(db) == ["Emma", "Persuasion"]


async def test_outside_of_a_unit_of_work_there_is_no_session(db: Database) -> None:
    with pytest.raises(NoUnitOfWork):
        async with session(db):
            pass


async def test_a_cancelled_session_leaves_nothing_behind(db: Database) -> None:
    waiting = asyncio.Event()

    async def work() -> None:
        async with db.transaction(), session(db) as opened:
            opened.add(Book(id=1, title="Emma"))
            await opened.flush()
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await waiting.wait()
    task.cancel()
    await asyncio.wait([task])
    async with db.transaction():
        await db.execute("INSERT INTO books VALUES (2, 'Persuasion', 0, '[]')")
    assert await titles(db) == ["", "Persuasion"]


async def test_sessions_side_by_side_lose_no_update(db: Database) -> None:
    async with db.transaction():
        await db.execute("INSERT INTO books VALUES (1, 'Emma', 0, '[]')")

    async def raise_price() -> None:
        async with session(db) as opened:
            book = await opened.get_one(Book, 1)
            book.price += 1

    async with asyncio.timeout(60):
        await asyncio.gather(*(db.atomic(raise_price) for _ in range(10)))
    assert await db.fetch_value("SELECT price FROM books") == 10


async def test_a_query_that_fails_is_shown_by_sqlalchemy_and_spoils_nothing_after_its_block(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(Exception, match="nonsense"):
            async with connection(db) as lent:
                await lent.execute(text("SELECT nonsense"))
        await db.execute("INSERT INTO books VALUES (1, 'Emma', 0, '[]')")
    assert await titles(db) == ["Emma", ""]


async def test_our_own_errors_stay_our_own_beside_it(db: Database) -> None:
    opened: Any
    with pytest.raises(StatementFailed, match="earlier statement"):
        async with db.transaction():
            async with session(db) as opened:
                opened.add(Book(id=1, title="Emma"))
            with pytest.raises(ConstraintViolated):
                await db.execute("INSERT INTO books VALUES (1, 'Emma', 0, '[]')")
    assert await titles(db) == ["", ""]
