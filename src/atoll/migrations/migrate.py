"""One service's database from where it is to the newest revisions, or a look at how far it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from atoll.core.errors import SettingsError
from atoll.migrations.parts import TOOLKIT, command_for, part_of
from atoll.storage.engines import open_engine
from atoll.storage.port import Engine
from atoll.storage.versions import Part, Standing, noted_revisions, refuse_misfit, refuse_unnoted

if TYPE_CHECKING:
    from atoll.migrations.plan import Plan
    from atoll.storage.postgres.engine import PostgresEngine
    from atoll.storage.sqlite.engine import SqliteEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How far one part of a database is."""

    part: Part
    noted: frozenset[str]

    @property
    def standing(self) -> Standing:
        return self.part.standing(self.noted)

    @property
    def revision(self) -> str:
        """The newest revision in the database; empty when there is none."""
        return self.part.found(self.noted) if self.noted else ""


class Target:
    """The database of one service at `url`. `folder` holds the service's revisions, None when it has none."""

    def __init__(self, service: str, url: str, folder: Path | None, *, unsafe: Set[str] = frozenset()) -> None:
        self.service = service
        self.url = url
        self.parts = (*TOOLKIT, *([part_of(service, folder)] if folder else []))
        self._folder = folder
        self._unsafe = unsafe

    async def look(self) -> Sequence[Found]:
        """Return how far each part is. The database is made when it is missing. Raises what opening it raises."""
        async with self._opened() as engine:
            return await self._look(engine)

    async def migrate(self) -> Sequence[str]:
        """Apply what is missing, and return the revisions that were applied.

        Nothing of Alembic is imported when nothing is missing. One at a time in a process, because Alembic's `op` is a
        global. Raises UnknownSchema for a database that is newer than this code, MigrationFailed.
        """
        async with self._opened() as engine:
            found = await self._look(engine)
            for each in found:
                if each.standing == "newer":
                    refuse_misfit(each.part, each.noted, command_for(self.service))
            if all(each.standing == "fits" for each in found):
                return ()
            return await _apply(engine, self.plan())

    async def sql(self) -> str:
        """Return the SQL that `migrate` would run, empty for nothing. Raises as it does."""
        async with self._opened() as engine:
            found = await self._look(engine)
            if all(each.standing == "fits" for each in found):
                return ""
            return self.plan().sql(engine.dialect.name, [each.revision for each in found if each.revision])

    def plan(self) -> Plan:
        """Return the revisions to apply. This imports Alembic. Raises SettingsError where it is not installed."""
        try:
            from atoll.migrations.plan import Plan
        except ImportError as error:
            raise SettingsError(["migrations need Alembic; install atoll[migrations]"]) from error
        return Plan(self.parts, self._folder)

    async def _look(self, engine: Engine) -> Sequence[Found]:
        found = [Found(part=each, noted=await noted_revisions(engine, each.name)) for each in self.parts]
        for each in found:
            await refuse_unnoted(engine, each.part, each.noted)
        return found

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Engine]:
        engine = await open_engine(self.url, self._unsafe)
        try:
            yield engine
        finally:
            await engine.close()


async def _apply(engine: Engine, plan: Plan) -> Sequence[str]:
    if engine.dialect.name == "postgresql":
        from atoll.migrations.postgres import migrate_database

        return await migrate_database(cast("PostgresEngine", engine).address, plan)
    from atoll.migrations.sqlite import migrate_file

    return migrate_file(cast("SqliteEngine", engine).path, plan)
