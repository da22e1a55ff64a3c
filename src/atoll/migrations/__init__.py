"""Changes of the tables: Alembic revisions of a service and of the toolkit, applied by `atoll migrate`.

Nothing of Alembic is imported until something is to be applied.
"""

from atoll.migrations.errors import MigrationError, MigrationFailed, RevisionsWrong
from atoll.migrations.operations import script
from atoll.migrations.parts import check_service, part_of
from atoll.migrations.revisions import Revision, read_revisions

__all__ = [
    "MigrationError",
    "MigrationFailed",
    "Revision",
    "RevisionsWrong",
    "check_service",
    "part_of",
    "read_revisions",
    "script",
]
