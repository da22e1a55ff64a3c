"""Holds whoever asks to what a route asks of them."""

from __future__ import annotations

from typing import Any

from atoll.core import context as contexts
from atoll.cqrs.chain import Route, Step
from atoll.cqrs.errors import Forbidden, Unauthenticated


def authorized(route: Route, after: Step) -> Step:
    """Refuse who is not signed in, or lacks the role. Raises Unauthenticated, Forbidden."""
    if not (route.authenticated or route.roles):
        return after

    async def check(message: Any) -> Any:
        principal = contexts.current().principal
        if principal is None:
            raise Unauthenticated(f"{route.name} needs a bearer token")
        if route.roles and not principal.roles.intersection(route.roles):
            raise Forbidden(f"{route.name} needs the role {' or '.join(sorted(route.roles))}")
        return await after(message)

    return check
