"""Migrators on both engines: several at once, one that is killed, and what services make of the result."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from atoll.aggregates import DatabaseSnapshots
from atoll.eventstore import EventStore
from atoll.migrations import MigrationFailed, check_service
from atoll.migrations.migrate import Target
from atoll.projections.tables import PROJECTIONS
from atoll.saga import SagaEngine
from atoll.storage import Database, UnknownSchema
from atoll.storage.versions import ready_tables
from tests.unit.migrations.making import FIRST, SECOND, TOOLKIT_REVISIONS, write

EVERYTHING = {*TOOLKIT_REVISIONS, "0001", "0002"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "migrations", 1, FIRST)
    write(tmp_path / "migrations", 2, SECOND)
    return tmp_path / "migrations"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_schema: str) -> str:
    return f"sqlite:///{tmp_path}/order.db" if request.param == "sqlite" else postgres_schema


async def migrator(url: str, folder: Path, *how: str) -> tuple[int, list[str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.migrations.migrator", url, str(folder), *how),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode().split()


async def test_migrators_that_start_together_apply_each_revision_once(url: str, folder: Path) -> None:
    outcomes = await asyncio.gather(migrator(url, folder), migrator(url, folder))
    assert [code for code, _ in outcomes] == [0, 0]
    assert sorted(each for _, applied in outcomes for each in applied) == sorted(EVERYTHING)


async def test_a_killed_migrator_leaves_nothing_half_done(url: str, folder: Path) -> None:
    code, _ = await migrator(url, folder, "kill")
    assert code == -signal.SIGKILL
    assert set(await Target("order", url, folder).migrate()) == EVERYTHING
    assert all(each.standing == "fits" for each in await Target("order", url, folder).look())


async def test_a_service_starts_only_on_tables_that_its_code_knows(url: str, folder: Path) -> None:
    second = (folder / "m0002_step.py").rename(folder / "later")
    await Target("order", url, folder).migrate()
    db = await Database.open(url)
    await SagaEngine(db, owner="test").prepare()
    await check_service(db.engine, "order", folder)
    second.rename(folder / "m0002_step.py")
    with pytest.raises(UnknownSchema, match="at revision 0001, but this code needs 0002; run: atoll migrate --service"):
        await check_service(db.engine, "order", folder)
    await db.close()


async def test_the_tables_that_services_make_are_those_of_the_revisions(postgres_schema: str, folder: Path) -> None:
    made = Target("order", postgres_schema, None)
    db = await Database.open(postgres_schema)
    await SagaEngine(db, owner="test").prepare()
    await (await EventStore.over(db)).close()
    await DatabaseSnapshots.over(db)
    await ready_tables(db.engine, PROJECTIONS)
    await db.close()
    assert await made.migrate() == ()


async def test_a_table_in_use_is_not_waited_for_for_ever(
    postgres_schema: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = (folder / "m0002_step.py").rename(folder / "later")
    await Target("order", postgres_schema, folder).migrate()
    second.rename(folder / "m0002_step.py")
    monkeypatch.setattr("atoll.migrations.postgres.LOCK_SECONDS", 0.1)
    reader = await asyncpg.connect(postgres_schema)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM carts")
        with pytest.raises(MigrationFailed, match="^revision 0002 could not be applied: .*lock timeout"):
            await Target("order", postgres_schema, folder).migrate()
    await reader.close()
    assert await Target("order", postgres_schema, folder).migrate() == ["0002"]


async def test_an_index_may_be_made_outside_of_a_transaction(postgres_schema: str, folder: Path) -> None:
    third = write(folder, 3, "")
    made = (
        'with op.get_context().autocommit_block():\n        script("CREATE INDEX CONCURRENTLY notes ON carts (note)")'
    )
    third.write_text(third.read_text().replace("script('')", f"from alembic import op\n\n    {made}"))
    assert set(await Target("order", postgres_schema, folder).migrate()) == EVERYTHING | {"0003"}
