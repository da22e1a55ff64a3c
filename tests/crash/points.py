"""Every point that the toolkit declares, and how the system that is killed comes to it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import atoll
from atoll.core.crashing import POINTS

TIMES: Final[Mapping[str, tuple[int, ...]]] = {
    "transaction.opened": (1, 8),
    "transaction.committing": (1, 8),
    "transaction.committed": (1, 8),
    "reply.sending": (2, 3),
}
"""Points that nearly everything comes to: at which of the times it dies. The first reply is that to the arming."""

AFTER: Final[Mapping[str, str]] = {
    "relay.claimed": "relay.published",
    "saga_lease.claimed": "saga_step.called",
}
"""Points that are only come to after another death."""

ONLY: Final[Mapping[str, str]] = {
    "events.answered": "postgresql",
    "events.sending": "postgresql",
    "events.committed": "sqlite",
    "events.committing": "sqlite",
    "postgres_commit.made": "postgresql",
    "postgres_commit.written": "postgresql",
    "shared_commit.committed": "sqlite",
    "shared_commit.released": "sqlite",
}
"""Points of one kind of database."""

_PROJECTIONS: Final = ("tests/crash/test_projections.py", 'name.startswith(("projection", "rebuild"))')

ELSEWHERE: Final[Mapping[str, tuple[str, str]]] = {
    "migration.applied": ("tests/integration/migrations/migrator.py", "APPLIED.arm("),
    "projection.committed": _PROJECTIONS,
    "projection.handled": _PROJECTIONS,
    "projection.parked": _PROJECTIONS,
    "projection.replayed": _PROJECTIONS,
    "projection_lease.claimed": _PROJECTIONS,
    "relay.held": ("tests/crash/test_relay.py", 'die_at("relay.held"'),
    "relay.recalled": ("tests/crash/test_relay.py", 'die_at("relay.recalled"'),
    "rebuild.begun": _PROJECTIONS,
    "rebuild.closed": _PROJECTIONS,
    "rebuild.dropped": _PROJECTIONS,
    "rebuild.switched": _PROJECTIONS,
    "rebuild.switching": _PROJECTIONS,
}
"""Points that this system does not come to: the file of the test that dies there, and where it says so."""


def declared() -> list[str]:
    """Import whatever declares points and return their names."""
    home = Path(atoll.__path__[0])
    for file in home.rglob("*.py"):
        if "crash_point(" in file.read_text():
            importlib.import_module(".".join(file.relative_to(home.parent).with_suffix("").parts))
    return sorted(POINTS)


def deaths(database: str) -> list[tuple[str, ...]]:
    """Return where one life after the other ends, for each point that this kind of database comes to."""
    return [each for name in declared() if ONLY.get(name, database) == database for each in _deaths_at(name)]


def _deaths_at(name: str) -> Iterator[tuple[str, ...]]:
    if name in AFTER:
        yield AFTER[name], name
    elif name not in ELSEWHERE:
        yield from ((f"{name}:{time}",) for time in TIMES.get(name, (1,)))
