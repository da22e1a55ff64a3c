"""What is SQLite's own; the rest is in the conformance suite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.core.errors import SettingsError
from atoll.storage import Database, DatabaseUnusable, DiskFailed, StatementFailed, TransactionConflict, ValueRefused
from atoll.storage.sqlite import patience


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/things.db")
    yield database
    await database.close()


async def test_a_file_that_is_no_database_is_refused_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DatabaseUnusable, match=r"a\.db cannot be used .*move it away"):
        await Database.open(f"sqlite:///{tmp_path}/a.db")


@pytest.mark.parametrize("url", ["", "sqlite:", "sqlite:///", "sqlite://a.db", "mysql://u@h/a", "/a.db"])
async def test_a_url_of_no_known_form_is_refused_with_those_that_are(url: str) -> None:
    with pytest.raises(SettingsError, match="write sqlite:///relative.db, .* or postgresql://user@host/database"):
        await Database.open(url)


async def test_commits_are_synced_to_the_disk(db: Database) -> None:
    async with db.transaction():
        assert await db.fetch_value("PRAGMA synchronous") == 2
        assert await db.fetch_value("PRAGMA journal_mode") == "wal"


async def test_a_number_that_does_not_fit_is_told_in_words_of_numbers(db: Database) -> None:
    with pytest.raises(ValueRefused, match=r"too large to be stored: it may be from -2\^63 to 2\^63 - 1"):
        await db.fetch_value("SELECT $1", 2**63)


async def test_a_file_that_another_process_holds_is_a_conflict(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BUSY_SECONDS", 0.0)
    impatient = await Database.open(f"sqlite:///{tmp_path}/things.db")
    holder = sqlite3.connect(tmp_path / "things.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(TransactionConflict, match="locked"):
        async with impatient.transaction():
            await impatient.inbox.first_time("a", "1")
    holder.close()
    await impatient.close()


async def test_one_that_waits_for_another_process_and_is_cancelled_ends_at_once(db: Database, tmp_path: Path) -> None:
    async def write() -> None:
        async with db.transaction():
            await db.inbox.first_time("a", "1")

    holder = sqlite3.connect(tmp_path / "things.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(write())
    await asyncio.wait({waiting}, timeout=0.05)
    waiting.cancel()
    async with asyncio.timeout(patience.BUSY_SECONDS / 2):
        await asyncio.wait({waiting})
    holder.close()
    await write()
    assert await db.fetch_value("SELECT count(*) FROM atoll_inbox") == 1


@pytest.mark.parametrize("args", [(), (1, 2)])
async def test_fewer_or_more_arguments_than_a_statement_has_places_for_are_refused(
    db: Database, args: tuple[int, ...]
) -> None:
    with pytest.raises(StatementFailed, match=r"bindings supplied.*, in: SELECT \$1"):
        await db.fetch_value("SELECT $1", *args)


async def test_a_full_disk_may_pass_and_nothing_was_committed(db: Database) -> None:
    await db.engine.script("CREATE TABLE t (x TEXT)")
    async with db.transaction():
        pages = await db.fetch_value("PRAGMA page_count")
        await db.fetch_value(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFailed, match="full") as caught:
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES ($1)", "x" * 100_000)
    assert caught.value.retryable
    assert await db.fetch_value("SELECT count(*) FROM t") == 0
