"""The tables of a service: made from its `schema`, or checked against its migrations."""

from __future__ import annotations

import inspect
from pathlib import Path

from atoll.core.settings import Settings
from atoll.migrations import check_service
from atoll.migrations.migrate import Target
from atoll.service.service import Service
from atoll.storage import Database


async def ready_schema(db: Database, service: type[Service]) -> None:
    """Run the service's `schema`, or check that its code may run on the tables that its migrations have made.

    Raises UnknownSchema naming the revision that is found, the one that is expected, and what to run.
    """
    if folder := migrations_of(service):
        await check_service(db.engine, service.name, folder)
    elif service.schema:
        await db.engine.script(service.schema)


def migrations_of(service: type[Service]) -> Path | None:
    """Return the folder of a service's migrations, None for one without."""
    if not service.migrations:
        return None
    return Path(inspect.getfile(service)).parent / service.migrations


def target_of(service: type[Service], settings: Settings) -> Target:
    """Return the database of a service, to be looked at and migrated. Raises RevisionsWrong."""
    url = settings.database_for(service.name)
    return Target(service.name, url, migrations_of(service), unsafe=settings.unsafe)
