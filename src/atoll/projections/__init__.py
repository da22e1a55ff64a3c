"""Views made of events: checkpoint and view in one transaction, one worker at a time, rebuilt beside the live one."""

from atoll.projections.declare import Codec, Projection, projects
from atoll.projections.engine import ProjectionEngine
from atoll.projections.errors import NoRight, NotPossible, ProjectionBehind, ProjectionError, UnknownProjection
from atoll.projections.overview import Overview
from atoll.projections.view import View

__all__ = [
    "Codec",
    "NoRight",
    "NotPossible",
    "Overview",
    "Projection",
    "ProjectionBehind",
    "ProjectionEngine",
    "ProjectionError",
    "UnknownProjection",
    "View",
    "projects",
]
