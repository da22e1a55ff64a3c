"""What a saga's code is handed: its id, and steps that are run once and remembered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from atoll.saga.run import Run

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Saga:
    """One running saga. `id` is the same on every resumption, so it may name what the saga makes."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def id(self) -> str:
        return self._run.row.id

    async def step(
        self,
        name: str,
        call: Callable[[*Ts], Awaitable[T]],
        *args: *Ts,
        undo: Callable[[T], Awaitable[object]] | None = None,
    ) -> T:
        """Run `call(*args)` and return its result; on resumption return the recorded one without calling again.

        `name` is unique within the saga. A method of the service itself runs in a unit of work that commits with
        the journal. A call to another service carries the key `<saga id>:<name>`, so repeating it is harmless:
        failures that may pass are retried with backoff. A Problem is raised here, and unless it is caught the
        saga compensates: `undo(result)` of each step done, in reverse order. When the outcome of a call stays
        unknown it is settled first, by asking again under the same key, and then undone too.
        """
        return await self._run.step(name, call, args, undo)
