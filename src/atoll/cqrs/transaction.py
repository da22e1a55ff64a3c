"""A command is one unit of work."""

from __future__ import annotations

from typing import Any

from atoll.cqrs.chain import Middleware, Route, Step
from atoll.storage import Database


def in_unit_of_work(db: Database) -> Middleware:
    """Run commands in a unit of work of `db`, again from the start when they conflict with others."""

    def wrap(route: Route, after: Step) -> Step:
        if route.kind == "query" or route.durable:
            return after

        async def run(message: Any) -> Any:
            return await db.atomic(lambda: after(message))

        return run

    return wrap
