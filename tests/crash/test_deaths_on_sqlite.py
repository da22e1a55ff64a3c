"""Whatever process dies, and wherever, on SQLite: in the end every effect has happened, and once."""

from __future__ import annotations

from typing import Final

from tests.crash.deaths import Deaths

DATABASE: Final = "sqlite"


class TestSqlite(Deaths):
    """With each broker."""
