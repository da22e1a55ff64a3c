"""The part of the suite on rows and statements."""

from __future__ import annotations

import asyncio

import pytest

from atoll.storage import ConstraintViolated, Database, StatementFailed, StorageError, ValueRefused
from atoll.testing.checks import equal
from atoll.testing.database_suite.fixtures import DatabaseFixtures, Replicas
from atoll.testing.database_suite.tables import SCHEMA, Note, Thing, insert


class RowSuite(DatabaseFixtures):
    """What is stored comes back, and what is refused is told alike by every engine."""

    async def test_a_row_comes_back_as_it_was_stored(self, db: Database) -> None:
        thing = Thing(id=2**40, name="Straße", fresh=True, price=1732290000.123456, raw=b"\x00\xff", tags=["a", "b"])
        async with db.transaction():
            await db.execute(
                "INSERT INTO things (id, name, fresh, price, raw, tags) VALUES ($1, $2, $3, $4, $5, $6)",
                *(getattr(thing, name) for name in thing.__struct_fields__),
            )
        equal(await db.fetch_one(Thing, "SELECT * FROM things WHERE id = $1", thing.id), thing)

    async def test_nothing_is_stored_as_null_and_comes_back_as_none(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
        equal(await db.fetch_one(Thing, "SELECT id, price, raw, tags FROM things"), Thing(id=1))
        equal(await db.fetch_value("SELECT price FROM things"), None)

    async def test_braces_in_a_script_that_name_nothing_stay(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 1)
        equal(await db.fetch_value("SELECT name FROM things"), "{serial number}")

    async def test_fetch_one_gives_none_when_there_is_no_row(self, db: Database) -> None:
        equal(await db.fetch_one(Thing, "SELECT * FROM things"), None)
        equal(await db.fetch_value("SELECT id FROM things"), None)
        equal(await db.fetch_all(Thing, "SELECT * FROM things"), [])

    async def test_a_row_that_does_not_fit_is_told_by_its_column(self, db: Database) -> None:
        with pytest.raises(StorageError, match=r"Thing: .*id"):
            await db.fetch_one(Thing, "SELECT 'one' AS id")

    async def test_execute_tells_how_many_rows_changed(self, db: Database) -> None:
        async with db.transaction():
            equal(await db.execute("UPDATE counters SET value = 1"), 3)
            equal(await db.execute("UPDATE counters SET value = 1 WHERE name = 'none'"), 0)
            equal(await db.execute("INSERT INTO counters VALUES ('n', 1) ON CONFLICT DO NOTHING"), 0)
            equal(await db.execute("DELETE FROM counters WHERE name <> $1", "n"), 2)

    async def test_a_write_can_return_rows(self, db: Database) -> None:
        async with db.transaction():
            first = await db.fetch_one(Note, "INSERT INTO notes (note) VALUES ($1) RETURNING seq, note", "a")
            second = await db.fetch_value("INSERT INTO notes (note) VALUES ('b') RETURNING seq")
        equal((first and first.note, bool(first and second > first.seq)), ("a", True))
        equal(await db.fetch_value("SELECT count(*) FROM notes"), 2)

    async def test_the_sum_of_whole_numbers_is_one(self, db: Database) -> None:
        async with db.transaction():
            await insert(db, 2**40)
            await insert(db, 1)
        equal(await db.fetch_one(Thing, "SELECT sum(id) AS id FROM things"), Thing(id=2**40 + 1))

    async def test_a_list_is_one_argument(self, db: Database) -> None:
        numbers, names = db.engine.dialect.one_of("$1", "BIGINT"), db.engine.dialect.one_of("$1")
        async with db.transaction():
            for number in range(5):
                await insert(db, number)
        equal(await db.fetch_value(f"SELECT count(*) FROM things WHERE id {numbers}", [1, 3, 9]), 2)
        equal(await db.fetch_value(f"SELECT count(*) FROM counters WHERE name {names}", ["n", "left", "'"]), 2)

    async def test_text_sorts_by_code_point_on_every_engine(self, db: Database) -> None:
        async with db.transaction():
            for note in ("b", "B", "ä", "a", "_"):
                await db.execute("INSERT INTO notes (note) VALUES ($1)", note)
        rows = await db.fetch_all(Note, "SELECT seq, note FROM notes ORDER BY note")
        equal([row.note for row in rows], ["B", "_", "a", "b", "ä"])

    async def test_a_broken_constraint_has_a_type_of_its_own(self, db: Database) -> None:
        with pytest.raises(ConstraintViolated):
            async with db.transaction():
                await insert(db, 1)
                await insert(db, 1)

    async def test_a_number_too_large_for_any_column_is_the_value_s_fault(self, db: Database) -> None:
        with pytest.raises(ValueRefused):
            async with db.transaction():
                await insert(db, 2**70)

    async def test_a_failing_statement_is_shown_in_the_error(self, db: Database) -> None:
        with pytest.raises(StatementFailed, match="SELECT nonsense"):
            await db.fetch_value("SELECT nonsense")

    async def test_scripts_of_replicas_that_start_together_do_not_fight(self, db: Database, replicas: Replicas) -> None:
        others = [await replicas.open() for _ in range(3)]
        await asyncio.gather(
            *(each.engine.script(f"{SCHEMA}; CREATE TABLE IF NOT EXISTS x (a TEXT)") for each in others)
        )
        equal(await db.fetch_value("SELECT count(*) FROM x"), 0)

    async def test_a_script_that_fails_leaves_nothing_behind(self, db: Database) -> None:
        with pytest.raises(StatementFailed):
            await db.engine.script("CREATE TABLE half (a TEXT); CREATE TABLE nonsense")
        with pytest.raises(StatementFailed, match="half"):
            await db.fetch_value("SELECT count(*) FROM half")
