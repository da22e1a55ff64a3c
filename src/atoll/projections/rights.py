"""Whether the service's role may make the tables of a view, asked before the database refuses it in its own words."""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.projections.errors import NoRight
from atoll.storage import Database

_ASK: Final = (
    "SELECT current_user AS role, COALESCE(current_schema(), '') AS \"schema\", "
    "COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE) AS granted"
)


class _Right(msgspec.Struct, frozen=True):
    role: str
    schema: str
    granted: bool


async def check_right(db: Database, projection: str) -> None:
    """Raise NoRight when the service's role on PostgreSQL may not make tables where it looks for them."""
    if db.engine.dialect.name != "postgresql":
        return
    right = await db.fetch_one(_Right, _ASK)
    if right is not None and not right.granted:
        raise NoRight(projection, right.role, right.schema or "public")
