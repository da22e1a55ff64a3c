"""Whether a database may be migrated without being asked to, when a system is started for development: pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from atoll.migrations.migrate import Found

_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def may_migrate(found: Sequence[Found], url: str) -> bool:
    """Tell whether nobody else can be served by this database: it is empty, or of this machine."""
    return all(each.standing == "empty" for each in found) or is_here(url)


def is_here(url: str) -> bool:
    """Tell whether the database at `url` is a file, or one of a server on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return True
    hosts = [*parse_qs(parts.query).get("host", ()), *([parts.hostname] if parts.hostname else [])]
    return all(host in _HERE or host.startswith("/") for host in ",".join(hosts).split(",") if host)
