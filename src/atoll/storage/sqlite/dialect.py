"""SQLite's words."""

from __future__ import annotations

from typing import Final

from atoll.storage.dialect import Dialect

DIALECT: Final = Dialect(
    name="sqlite",
    fills={"serial": "INTEGER PRIMARY KEY AUTOINCREMENT", "keyed": "WITHOUT ROWID", "updated": ""},
    members="SELECT value FROM json_each({place})",
    has_table="SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1",
)
