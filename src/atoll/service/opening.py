"""Opens the engines of a service together, so that everything that is wrong with them is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from atoll.core.clock import Clock
from atoll.core.errors import AtollError
from atoll.service.patience import patiently


class CannotStart(AtollError):
    """What a service stands on is wrong; `problems` holds one sentence for each, and the message lists them all."""

    code = "cannot_start"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(dict.fromkeys(line for each in problems for line in each.splitlines()))
        several = f"{len(self.problems)} things are wrong:\n- " if len(self.problems) > 1 else ""
        super().__init__(several + "\n- ".join(self.problems))


class CannotStartYet(CannotStart):
    """All of it may pass."""

    code = "unavailable"
    retryable = True


async def open_together(works: Sequence[Callable[[], Awaitable[Any]]], *, clock: Clock) -> list[Any]:
    """Return what each of `works` returns. Raises the error of the one that fails, or CannotStart for several."""
    outcomes = await try_together(works, clock=clock)
    if errors := [each for each in outcomes if isinstance(each, AtollError)]:
        raise errors[0] if len(errors) == 1 else together(errors, map(str, errors))
    return outcomes


async def try_together(works: Sequence[Callable[[], Awaitable[Any]]], *, clock: Clock) -> list[Any]:
    """Return what each of `works` returns, or the AtollError that it raises.

    What may pass is waited for, but not once something is wrong that will not: then each has been tried once at least.
    """
    hopeless = asyncio.Event()

    async def attempt(work: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await patiently(work, clock=clock, hopeless=hopeless)
        except AtollError as error:
            if not error.retryable:
                hopeless.set()
            return error

    return await asyncio.gather(*map(attempt, works))


def together(errors: Iterable[AtollError], problems: Iterable[str]) -> CannotStart:
    """Return one error for `errors`, which `problems` tell."""
    return (CannotStartYet if all(each.retryable for each in errors) else CannotStart)(problems)
