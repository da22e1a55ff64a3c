"""Applies revisions with Alembic, whose import costs 0.3 s and 30 MiB: it is for a process of its own, not a service's.

A revision and its notes are one transaction, so a migrator may be killed at any moment and the next one goes on.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo, MigrationStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection

from atoll.core.crashing import crash_point
from atoll.migrations.errors import MigrationFailed
from atoll.migrations.operations import dialect_of, run_statement
from atoll.migrations.parts import TOOLKIT_FOLDER
from atoll.storage.versions import NOTES, VERSION_TABLE, Part, note_of

APPLIED: Final = crash_point("migration.applied")
"""A revision has changed the tables, and neither it nor its note is committed."""

_WAYS: Final[Mapping[str, Any]] = {
    "version_table": VERSION_TABLE,
    "transactional_ddl": True,
    "transaction_per_migration": True,
}


class Plan:
    """The revisions of one database: those of the toolkit, and those in the service's `folder` if it has one."""

    def __init__(self, parts: Sequence[Part], folder: Path | None) -> None:
        self._parts = {revision: part for part in parts for revision in part.revisions}
        folders = [TOOLKIT_FOLDER, *([folder] if folder else [])]
        self._scripts = ScriptDirectory(str(TOOLKIT_FOLDER), version_locations=[str(each) for each in folders])
        self._applied: list[str] = []
        self._step = ""

    def apply(self, connection: Connection) -> list[str]:
        """Apply what is missing, and return which revisions were. Raises MigrationFailed naming the one that broke."""
        self._run(self._environment(), connection=connection)
        return self._applied

    def sql(self, dialect: str, found: Collection[str]) -> str:
        """Return as SQL what `apply` would do to a database at the revisions `found`. Raises MigrationFailed."""
        text = io.StringIO()
        environment = self._environment(as_sql=True, starting_rev=list(found) or None)
        self._run(environment, dialect_name=dialect, output_buffer=text, literal_binds=True)
        return text.getvalue()

    def _environment(self, **options: Any) -> EnvironmentContext:
        return EnvironmentContext(Config(), self._scripts, fn=self._missing, destination_rev="heads", **options)

    def _missing(self, heads: Any, _: MigrationContext) -> Iterator[MigrationStep]:
        """Yield the steps from `heads` to the newest revisions, the oldest first."""
        scripts = [*self._scripts.iterate_revisions("heads", heads, implicit_base=True)]
        for each in reversed(scripts):
            self._step = each.revision
            yield MigrationStep.upgrade_from_script(self._scripts.revision_map, each)

    def _run(self, environment: EnvironmentContext, **ways: Any) -> None:
        try:
            environment.configure(on_version_apply=self._note, **_WAYS, **ways)
            with environment, environment.begin_transaction():
                environment.run_migrations()
        except Exception as error:
            what = f"revision {self._step} could not be applied" if self._step else "the revisions cannot be used"
            raise MigrationFailed(f"{what}: {reason_of(error)}") from error

    def _note(self, ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Any) -> None:
        """Note what code may run on the database from now on, in the transaction of the revision."""
        script = step.up_revision
        if not isinstance(script, Script):
            raise TypeError(f"{step} is no revision of ours")
        APPLIED.reached()
        part = self._parts[script.revision]
        expands = getattr(script.module, "expands", False)
        outdated = () if expands else part.revisions[: part.revisions.index(script.revision)]
        run_statement(dialect_of(ctx.dialect.name).fill(NOTES).strip().removesuffix(";"))
        for statement in note_of(part.name, script.revision, outdated):
            run_statement(statement)
        self._applied.append(script.revision)


def reason_of(error: Exception) -> str:
    """Return what went wrong in one line: the database's own words where it was the database."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split())
    # SQLAlchemy's class of asyncpg's error stands before its message.
    text = text.partition("'>: ")[2] or text
    return text if cause is not error else f"{type(error).__name__}: {text}"
