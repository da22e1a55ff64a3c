"""A folder of revisions for tests."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from atoll.migrations.parts import TOOLKIT

FIRST = "CREATE TABLE carts (id TEXT PRIMARY KEY)"
SECOND = "ALTER TABLE carts ADD COLUMN note TEXT NOT NULL DEFAULT ''"
THIRD = "ALTER TABLE carts DROP COLUMN note"

TOOLKIT_REVISIONS = {revision for part in TOOLKIT for revision in part.revisions}


def write(folder: Path, number: int, sql: str, *, expands: bool = False, after: str | None = None) -> Path:
    """Write the revision `number`, which follows the one before, or `after`."""
    folder.mkdir(exist_ok=True)
    follows = after or (f"{number - 1:04}" if number > 1 else None)
    path = folder / f"m{number:04}_step.py"
    path.write_text(
        f'"""Step {number}."""\n\nfrom atoll.migrations import script\n\nrevision = "{number:04}"\n'
        f"down_revision = {follows!r}\nexpands = {expands}\n\n\ndef upgrade() -> None:\n    script({sql!r})\n"
    )
    return path


def columns(path: Path, table: str) -> list[str]:
    """Return the names of a table's columns; none when there is no such table."""
    with sqlite3.connect(path) as connection:
        found = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return found


def schema(path: Path) -> set[str]:
    """Return the statements that make what is in a database."""
    connection = sqlite3.connect(path)
    found = {str(row[0]) for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
    connection.close()
    return {" ".join(each.replace("( ", "(").split()).replace("( ", "(") for each in found}
