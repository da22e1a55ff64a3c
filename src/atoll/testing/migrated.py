"""Databases for tests, with a service's migrations applied once for all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from atoll.service import Service
from atoll.service.schema import migrations_of


def image_of(service: type[Service]) -> bytes:
    """Return a SQLite database with the toolkit's tables and those of `service`: write it to a file, and open that.

    Empty for a service without migrations, which makes its tables itself.
    """
    if (folder := migrations_of(service)) is None:
        return b""
    return _image(service.name, folder)


@cache
def _image(service: str, folder: Path) -> bytes:
    from atoll.migrations import sqlite
    from atoll.migrations.migrate import Target

    return sqlite.image_of(Target(service, "", folder).plan())
