"""Which version of its tables a database holds, noted in the database itself and checked at each start.

A database has parts: `atoll.storage`, `atoll.saga`, and the service's own, which has its name. `atoll_compatible`
names, for each part, the revisions whose code may run on the tables as they are: the newest, and those before it for as
long as what came after only added something. `atoll_version` is Alembic's version table, for the migrations themselves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from atoll.storage.errors import DatabaseUnusable, StatementFailed, UnknownSchema
from atoll.storage.port import Engine, Statement

VERSION_TABLE: Final = "atoll_version"

NOTES: Final = """
CREATE TABLE IF NOT EXISTS atoll_compatible (
    part TEXT NOT NULL,
    revision TEXT NOT NULL,
    PRIMARY KEY (part, revision)
) {keyed};
"""

_VERSIONS: Final = f"""
CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num)
);
"""

_FIRST_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")

Standing = Literal["fits", "empty", "behind", "newer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a database: its revisions from the first to the newest, and the script that makes the newest."""

    name: str
    revisions: tuple[str, ...]
    tables: str = ""

    @property
    def newest(self) -> str:
        """The revision that this code is written for."""
        return self.revisions[-1]

    def standing(self, noted: Collection[str]) -> Standing:
        """Judge a database by the revisions that it notes for this part."""
        if not noted:
            return "empty"
        if self.newest in noted:
            return "fits"
        return "behind" if set(noted) <= set(self.revisions) else "newer"

    def found(self, noted: Collection[str]) -> str:
        """Return the newest of `noted`, as far as this code can tell."""
        unknown = sorted(set(noted) - set(self.revisions))
        return unknown[-1] if unknown else max(noted, key=self.revisions.index)


async def ready_tables(engine: Engine, part: Part) -> None:
    """Make the tables of `part` where there are none; else check that this code may run on those that are there.

    Replicas that start together make them once. Raises UnknownSchema for tables of another version, DatabaseUnusable
    when they are missing and cannot be made.
    """
    noted = await noted_revisions(engine, part.name)
    if part.standing(noted) == "empty":
        await refuse_unnoted(engine, part, noted)
        return await _make(engine, part)
    refuse_misfit(part, noted)
    return None


async def refuse_unnoted(engine: Engine, part: Part, noted: Collection[str]) -> None:
    """Raise UnknownSchema for tables that note no revision, though `noted` was read a moment before."""
    made = None if noted else _FIRST_TABLE.search(part.tables)
    if made is None or not await _has_table(engine, made[1]):
        return
    if not await noted_revisions(engine, part.name):  # another replica may just have made both
        raise UnknownSchema(
            f"the database has {part.name} tables whose revision it does not note, so no release of Atoll made them; "
            "move the database away, and a new one is made"
        )


def refuse_misfit(part: Part, noted: Collection[str], command: str = "atoll migrate") -> None:
    """Raise UnknownSchema unless code written for `part` may run on a database that notes `noted`."""
    match part.standing(noted):
        case "empty":
            raise UnknownSchema(
                f"the database has no {part.name} tables yet, but revision {part.newest} is needed; run: {command}"
            )
        case "behind":
            raise UnknownSchema(
                f"the {part.name} tables of the database are at revision {part.found(noted)}, but this code needs "
                f"{part.newest}; run: {command}"
            )
        case "newer":
            raise UnknownSchema(
                f"the {part.name} tables of the database are at revision {part.found(noted)}, which this code does "
                f"not know (its newest is {part.newest}); start the newer code, which that revision was made for"
            )
        case "fits":
            return


async def noted_revisions(engine: Engine, part: str) -> frozenset[str]:
    """Return the revisions whose code may run on this database; none where the part has no tables yet."""
    if not await _has_table(engine, "atoll_compatible"):
        return frozenset()
    rows = await engine.read(Statement("SELECT revision FROM atoll_compatible WHERE part = $1", (part,)))
    return frozenset(str(revision) for (revision,) in rows.rows)


def note_of(part: str, revision: str, outdated: Iterable[str] = ()) -> list[str]:
    """Return the statements that note a new revision, and that code of the `outdated` ones may not run any more."""
    for each in (part, revision, *outdated):
        if not re.fullmatch(r"[\w.-]{1,32}", each):
            raise ValueError(f"{each!r} cannot name a revision; use up to 32 letters, digits, '_', '.' and '-'")
    gone = ", ".join(f"'{each}'" for each in outdated)
    delete = [f"DELETE FROM atoll_compatible WHERE part = '{part}' AND revision IN ({gone})"] if gone else []
    return [*delete, f"INSERT INTO atoll_compatible (part, revision) VALUES ('{part}', '{revision}')"]


async def _make(engine: Engine, part: Part) -> None:
    """All or nothing, and nothing where somebody has been faster."""
    noted = f"SELECT 1 FROM atoll_compatible WHERE part = '{part.name}'"
    script = (
        f"{part.tables.rstrip().removesuffix(';')};\n{_VERSIONS}\n{NOTES}\n"
        f"INSERT INTO {VERSION_TABLE} (version_num) SELECT '{part.newest}' WHERE NOT EXISTS ({noted});\n"
        f"INSERT INTO atoll_compatible (part, revision) SELECT '{part.name}', '{part.newest}' "
        f"WHERE NOT EXISTS ({noted});"
    )
    try:
        await engine.script(script)
    except StatementFailed as error:
        raise DatabaseUnusable(
            f"the {part.name} tables are missing and could not be made ({error}); "
            "run `atoll migrate` as a user that may make tables"
        ) from error


async def _has_table(engine: Engine, name: str) -> bool:
    result = await engine.read(Statement(engine.dialect.has_table, (name,)))
    return bool(result.rows[0][0])
