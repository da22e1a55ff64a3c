"""The errors of projections.

ProjectionError
├── UnknownProjection           the service has no projection of that name
├── ProjectionBehind            a view did not include a position in time; has `projection`, `position` and `reached`
├── NoRight                     the service's role may not make the tables of a view
├── NotPossible                 an operator asked for what cannot be done now; nothing was changed
└── LeaseLost                   another replica works on the partition; what this one was about to write is undone
"""

from __future__ import annotations

from collections.abc import Iterable

from atoll.core.errors import AtollError
from atoll.eventstore import Position


class ProjectionError(AtollError):
    """Base of the package."""


class UnknownProjection(ProjectionError):
    """There is no projection of that name."""

    code = "not_found"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no projection {name!r}; there are {', '.join(sorted(known)) or 'none'}")


class ProjectionBehind(ProjectionError):
    """The view does not include the position yet; what was appended is safe, and the view will have it later."""

    code = "unavailable"
    retryable = True

    def __init__(self, projection: str, position: Position, reached: Position, seconds: float, why: str) -> None:
        self.projection = projection
        self.position = position
        self.reached = reached
        super().__init__(
            f"{projection} did not include position {position} within {seconds:g} s: {why}; "
            "read it later, or see: atoll projections"
        )


class NoRight(ProjectionError):
    """The service's role may not make the tables of a view in the schema where they belong; nothing was changed."""

    code = "conflict"

    def __init__(self, projection: str, role: str, schema: str) -> None:
        super().__init__(
            f"the projection {projection} makes the tables of its view itself, but the role {role} may not make tables "
            f"in the schema {schema}; allow it: GRANT CREATE ON SCHEMA {schema} TO {role}"
        )


class NotPossible(ProjectionError):
    """What was asked for cannot be done as things are; nothing was changed."""

    code = "conflict"


class LeaseLost(ProjectionError):
    """Another replica has taken the partition over, or an operator paused the projection; nothing was written."""

    def __init__(self, name: str, part: int) -> None:
        super().__init__(f"{name}, partition {part}, was taken over, paused or switched; nothing was written")
