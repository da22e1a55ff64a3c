"""A SQLite database is brought to the newest revisions, or left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.aggregates import DatabaseSnapshots
from atoll.eventstore import EventStore
from atoll.migrations import MigrationFailed
from atoll.migrations.migrate import Target
from atoll.migrations.plan import APPLIED
from atoll.projections.tables import PROJECTIONS
from atoll.saga import SagaEngine
from atoll.storage import Database, UnknownSchema
from atoll.storage.engines import open_engine
from atoll.storage.versions import ready_tables
from tests.unit.migrations.making import FIRST, SECOND, THIRD, TOOLKIT_REVISIONS, columns, schema, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "migrations", 1, FIRST)
    return tmp_path / "migrations"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "order.db"


def target(path: Path, folder: Path | None) -> Target:
    return Target("order", f"sqlite:///{path}", folder)


async def standings(path: Path, folder: Path) -> dict[str, tuple[str, str]]:
    return {each.part.name: (each.standing, each.revision) for each in await target(path, folder).look()}


async def test_an_empty_database_gets_the_toolkits_tables_and_the_services(path: Path, folder: Path) -> None:
    assert set(await target(path, folder).migrate()) == {*TOOLKIT_REVISIONS, "0001"}
    assert columns(path, "carts") == ["id"]
    assert await standings(path, folder) == {
        "atoll.storage": ("fits", "storage_0001"),
        "atoll.saga": ("fits", "saga_0001"),
        "atoll.eventstore": ("fits", "eventstore_0001"),
        "atoll.aggregates": ("fits", "aggregates_0001"),
        "atoll.projections": ("fits", "projections_0001"),
        "order": ("fits", "0001"),
    }


async def test_migrating_again_changes_nothing(path: Path, folder: Path) -> None:
    await target(path, folder).migrate()
    assert await target(path, folder).migrate() == ()


async def test_only_what_is_missing_is_applied(path: Path, folder: Path) -> None:
    await target(path, folder).migrate()
    write(folder, 2, SECOND)
    assert await standings(path, folder) | {"order": ("behind", "0001")} == await standings(path, folder)
    assert await target(path, folder).migrate() == ["0002"]
    assert columns(path, "carts") == ["id", "note"]


async def test_the_tables_that_services_make_are_those_of_the_revisions(tmp_path: Path) -> None:
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    await target(migrated, None).migrate()
    db = await Database.open(f"sqlite:///{made}")
    await SagaEngine(db, owner="test").prepare()
    await EventStore.over(db)
    await DatabaseSnapshots.over(db)
    await ready_tables(db.engine, PROJECTIONS)
    await db.close()
    assert schema(made) == schema(migrated)
    assert await target(made, None).migrate() == ()


async def test_tables_that_a_service_has_made_are_taken_over(path: Path, folder: Path) -> None:
    await (await Database.open(f"sqlite:///{path}")).close()
    assert set(await target(path, folder).migrate()) == {*TOOLKIT_REVISIONS, "0001"} - {"storage_0001"}


async def test_a_revision_that_fails_leaves_the_database_as_it_was(path: Path, folder: Path) -> None:
    await target(path, folder).migrate()
    write(folder, 2, f"{SECOND}; ALTER TABLE nowhere ADD COLUMN x TEXT")
    with pytest.raises(MigrationFailed, match="^revision 0002 could not be applied: no such table: nowhere$"):
        await target(path, folder).migrate()
    assert columns(path, "carts") == ["id"]


async def test_a_revision_that_breaks_in_python_is_told(path: Path, folder: Path) -> None:
    write(folder, 2, SECOND).write_text(
        'revision = "0002"\ndown_revision = "0001"\ndef upgrade() -> None: nonsense()\n'
    )
    with pytest.raises(MigrationFailed, match="^revision 0002 could not be applied: NameError: name 'nonsense' is not"):
        await target(path, folder).migrate()


async def test_a_migrator_that_dies_is_followed_by_one_that_finishes(path: Path, folder: Path) -> None:
    write(folder, 2, SECOND)

    def die() -> None:
        raise KeyboardInterrupt

    APPLIED.arm(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            await target(path, folder).migrate()
    finally:
        APPLIED.disarm()
    assert schema(path) == set()
    assert set(await target(path, folder).migrate()) == {*TOOLKIT_REVISIONS, "0001", "0002"}


async def test_rows_that_lose_what_they_refer_to_stop_the_migration(path: Path, folder: Path) -> None:
    write(folder, 1, f"{FIRST}; CREATE TABLE lines (cart TEXT REFERENCES carts (id)); INSERT INTO carts VALUES ('a')")
    write(folder, 2, "INSERT INTO lines VALUES ('a'); DELETE FROM carts")
    with pytest.raises(MigrationFailed, match="leave 1 rows without what they refer to, the first in the table lines"):
        await target(path, folder).migrate()
    assert schema(path) == set()


async def test_the_sql_is_what_would_be_run(path: Path, folder: Path) -> None:
    await target(path, folder).migrate()
    write(folder, 2, SECOND)
    sql = await target(path, folder).sql()
    assert SECOND in sql
    assert FIRST not in sql
    engine = await open_engine(f"sqlite:///{path}")
    await engine.script(sql.replace("BEGIN;", "").replace("COMMIT;", ""))
    await engine.close()
    assert columns(path, "carts") == ["id", "note"]
    assert await target(path, folder).migrate() == ()
    assert await target(path, folder).sql() == ""


async def test_a_colon_in_a_script_is_no_parameter(path: Path, folder: Path) -> None:
    write(folder, 2, """ALTER TABLE carts ADD COLUMN price TEXT NOT NULL DEFAULT '{"amount":0}'""")
    await target(path, folder).migrate()
    assert any('{"amount":0}' in each for each in schema(path))


async def test_a_database_that_is_newer_is_refused(path: Path, folder: Path) -> None:
    second = write(folder, 2, SECOND)
    await target(path, folder).migrate()
    second.unlink()
    with pytest.raises(UnknownSchema, match=r"order tables .* at revision 0002, which this code does not know"):
        await target(path, folder).migrate()


async def test_code_before_an_expansion_fits_until_a_contraction(path: Path, folder: Path) -> None:
    second = write(folder, 2, SECOND, expands=True)
    await target(path, folder).migrate()
    second.rename(second.with_suffix(".later"))
    assert (await standings(path, folder))["order"][0] == "fits"
    second.with_suffix(".later").rename(second)
    third = write(folder, 3, THIRD)
    await target(path, folder).migrate()
    third.unlink()
    assert (await standings(path, folder))["order"] == ("newer", "0003")
