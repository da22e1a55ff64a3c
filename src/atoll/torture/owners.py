"""Which service a request through the gateway is for."""

from __future__ import annotations

from collections.abc import Callable

from atoll.service.errors import MethodNotAllowed, NotFound
from atoll.service.router import Router
from atoll.system import Attempt, System


def owners_of(system: System) -> Callable[[Attempt], str]:
    """Return the function that tells a request's service; empty for a path that none of them has."""
    routes = [
        (each.method, each.path, spec.name) for spec in system.contracts for each in spec.operations if each.public
    ]
    router = Router(routes)

    def owner(attempt: Attempt) -> str:
        try:
            return router.match(attempt.method, attempt.path.partition("?")[0]).target
        except (NotFound, MethodNotAllowed):
            return ""

    return owner
