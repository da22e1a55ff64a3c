"""Whatever process dies, and wherever, on PostgreSQL: in the end every effect has happened, and once."""

from __future__ import annotations

from typing import Final

from tests.crash.deaths import Deaths

DATABASE: Final = "postgresql"


class TestPostgresql(Deaths):
    """With each broker."""
