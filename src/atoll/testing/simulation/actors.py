"""What stands outside of the services: customers who do not give up, and the checks of what must hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, TypeVar

import msgspec

from atoll.clients import Undone
from atoll.contracts import Problem
from atoll.core import context as contexts
from atoll.core.context import Principal
from atoll.core.errors import AtollError
from atoll.testing.simulation.errors import Unanswered

T = TypeVar("T")

ATTEMPTS: Final = 400
PAUSE_SECONDS: Final = 2.0


async def insist(
    key: str, call: Callable[[], Awaitable[T]], *, chance: Random, principal: Principal | None = None
) -> T:
    """Ask under one idempotency key, again and again, until there is a final answer.

    Raises the Problem that the answer is; Undone (of `atoll.clients`) when the work was undone, so that a new key is
    needed; Unanswered when no answer comes however often it is asked.
    """
    last: AtollError | None = None
    for _ in range(ATTEMPTS):
        context = msgspec.structs.replace(contexts.new_context(), idempotency_key=key, principal=principal)
        try:
            with contexts.use(context):
                return await call()
        except (Problem, Undone):
            raise
        except AtollError as error:
            last = error
        await asyncio.sleep(chance.random() * PAUSE_SECONDS)
    raise Unanswered(f"{key} never got an answer; the last one was {last!r}")
