"""The one chain that every operation runs through, whether it came over HTTP or from a bus.

A middleware is a function from a route and what comes next to what runs instead. It is asked once, when the route is
made: one that has nothing to do with a route returns `after` itself and costs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from atoll.cqrs.messages import Kind

Step = Callable[[Any], Awaitable[Any]]
"""Takes a message, returns its result. Whose it is and how long there is stand in the context in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A result as it is stored under an idempotency key."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What is known of an operation before any message comes.

    Somebody must be signed in when `authenticated`, or when `roles` are named, of which they need one. `durable` work
    keeps its own journal (a saga) and must not run in a unit of work. `digest` tells one message from another,
    `keep` and `restore` turn its result into what is stored and back.
    """

    name: str
    kind: Kind
    authenticated: bool = False
    roles: frozenset[str] = field(default_factory=frozenset[str])
    durable: bool = False
    digest: Callable[[Any], str]
    keep: Callable[[Any], Kept]
    restore: Callable[[Kept], Any]


Middleware = Callable[[Route, Step], Step]


def chained(route: Route, middleware: Sequence[Middleware], handler: Step) -> Step:
    """Return `handler` with the middleware around it, the first one outermost."""
    for each in reversed(middleware):
        handler = each(route, handler)
    return handler
