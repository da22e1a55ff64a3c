"""Which parts a service's database has, and whether its code may run on it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from atoll.aggregates.tables import AGGREGATES
from atoll.eventstore.sql.opening import EVENTSTORE
from atoll.migrations.errors import RevisionsWrong
from atoll.migrations.revisions import read_revisions
from atoll.projections.tables import PROJECTIONS
from atoll.saga.tables import SAGA
from atoll.storage.port import Engine
from atoll.storage.tables import STORAGE
from atoll.storage.versions import Part, noted_revisions, refuse_misfit

TOOLKIT: Final = (STORAGE, SAGA, EVENTSTORE, AGGREGATES, PROJECTIONS)
TOOLKIT_FOLDER: Final = Path(__file__).parent / "toolkit"


def part_of(service: str, folder: Path) -> Part:
    """Return the part of a database that is the service's own. Raises RevisionsWrong for a folder without revisions."""
    revisions = read_revisions(folder)
    if not revisions:
        raise RevisionsWrong(f"{folder} has no revision; make one with: {command_for(service)} --new MESSAGE")
    _refuse_taken(service, [each.id for each in revisions])
    return Part(name=service, revisions=tuple(each.id for each in revisions))


async def check_service(engine: Engine, service: str, folder: Path) -> None:
    """Return when the code of `service` may run on its database. Raises UnknownSchema, RevisionsWrong."""
    part = part_of(service, folder)
    refuse_misfit(part, await noted_revisions(engine, part.name), command_for(service))


def command_for(service: str) -> str:
    """Return what to type for one service."""
    return f"atoll migrate --service {service}"


def _refuse_taken(service: str, revisions: Collection[str]) -> None:
    if taken := [each for part in TOOLKIT for each in part.revisions if each in revisions]:
        raise RevisionsWrong(f"{taken[0]} is a revision of Atoll's own tables; call that of {service} otherwise")
