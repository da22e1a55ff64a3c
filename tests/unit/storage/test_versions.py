"""A database says which code may run on its tables, and other code is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.storage import Database, DatabaseUnusable, UnknownSchema
from atoll.storage.engines import open_engine
from atoll.storage.tables import STORAGE
from atoll.storage.versions import Part, note_of, noted_revisions, ready_tables, refuse_misfit

PART = Part(name="order", revisions=("0001", "0002"), tables="CREATE TABLE IF NOT EXISTS carts (id TEXT)")
NEWER = Part(name="order", revisions=("0001", "0002", "0003"))


@pytest.mark.parametrize(
    ("noted", "standing", "found"),
    [(["0002"], "fits", "0002"), (["0001"], "behind", "0001"), (["0003"], "newer", "0003"), ([], "empty", "")],
)
def test_a_database_is_judged_by_what_it_notes(noted: list[str], standing: str, found: str) -> None:
    assert PART.standing(noted) == standing
    assert (PART.found(noted) if noted else "") == found


def test_code_before_an_expansion_may_run() -> None:
    assert PART.standing(["0002", "0003"]) == "fits"


def test_a_misfit_names_what_is_found_what_is_needed_and_what_to_run() -> None:
    with pytest.raises(UnknownSchema) as caught:
        refuse_misfit(PART, ["0001"], "atoll migrate --service order")
    assert str(caught.value) == (
        "the order tables of the database are at revision 0001, but this code needs 0002; "
        "run: atoll migrate --service order"
    )


def test_only_a_plain_name_can_be_noted() -> None:
    with pytest.raises(ValueError, match="cannot name a revision"):
        note_of("order", "x'; DROP TABLE carts; --")


async def test_a_fresh_database_notes_what_was_made(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path}/a.db")
    assert await noted_revisions(db.engine, STORAGE.name) == {STORAGE.newest}
    await db.close()


async def test_tables_are_made_once_and_only_checked_from_then_on(tmp_path: Path) -> None:
    engine = await open_engine(f"sqlite:///{tmp_path}/a.db")
    await ready_tables(engine, PART)
    await engine.script("DROP TABLE carts")
    await ready_tables(engine, PART)
    assert await noted_revisions(engine, "order") == {"0002"}
    with pytest.raises(UnknownSchema, match=r"at revision 0002, but this code needs 0003; run: atoll migrate$"):
        await ready_tables(engine, NEWER)
    await engine.close()


async def test_tables_that_note_no_revision_are_refused_and_kept(tmp_path: Path) -> None:
    engine = await open_engine(f"sqlite:///{tmp_path}/a.db")
    await engine.script("CREATE TABLE carts (id TEXT)")
    with pytest.raises(UnknownSchema, match="has order tables whose revision it does not note"):
        await ready_tables(engine, PART)
    assert await noted_revisions(engine, "order") == set()
    await engine.close()


async def test_tables_that_cannot_be_made_are_told_with_what_to_run(tmp_path: Path) -> None:
    engine = await open_engine(f"sqlite:///{tmp_path}/a.db")
    wrong = Part(name="order", revisions=("0001",), tables="CREATE TABLE IF NOT EXISTS carts (id TEXT; nonsense")
    with pytest.raises(DatabaseUnusable, match=r"order tables are missing and could not be made .*atoll migrate"):
        await ready_tables(engine, wrong)
    await engine.close()
