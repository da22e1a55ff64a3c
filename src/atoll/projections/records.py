"""What projections tell their observers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsProjected:
    """A transaction of a projection was committed: so many events, in `seconds`."""

    projection: str
    events: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionFailed:
    """A handler has failed: the projection (or one partition of it) has stopped, or the event is parked."""

    projection: str
    outcome: Literal["stopped", "parked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionLag:
    """How far the live view is behind the newest event that is committed, whether the feed shows it yet or not.

    `events` that it handles are counted up to COUNTED. `seconds` since the oldest of them was appended.
    """

    projection: str
    events: int
    seconds: float
    parked: int
    stopped: bool
