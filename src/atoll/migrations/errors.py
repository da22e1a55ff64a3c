"""The errors of migrations.

MigrationError
├── RevisionsWrong      the revision files cannot be used: a broken one, two that follow the same, a missing one
└── MigrationFailed     a revision could not be applied; the database is as the revision before left it
"""

from __future__ import annotations

from atoll.core.errors import AtollError


class MigrationError(AtollError):
    """Base of the package."""

    code = "migration"


class RevisionsWrong(MigrationError):
    """The revision files cannot be used; the message names the file and what to change."""


class MigrationFailed(MigrationError):
    """A revision could not be applied; nothing of it is in the database, and those before it are complete."""
