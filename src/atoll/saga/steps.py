"""What a saga's code is handed: its id, and steps that are run once and remembered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar, TypeVarTuple

from atoll.contracts import Event
from atoll.resilience import RetryPolicy
from atoll.saga.run import Run
from atoll.saga.waits import Waits

E = TypeVar("E", bound=Event)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Saga:
    """One running saga. `id` is the same on every resumption, so it may name what the saga makes."""

    def __init__(self, run: Run, waits: Waits) -> None:
        self._run = run
        self._waits = waits

    @property
    def id(self) -> str:
        return self._run.row.id

    async def step(
        self,
        name: str,
        call: Callable[[*Ts], Awaitable[T]],
        *args: *Ts,
        undo: Callable[[T], Awaitable[object]] | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
    ) -> T:
        """Run `call(*args)` and return its result; on resumption return the recorded one without calling again.

        `name` is unique within the saga. A method of the service itself runs in a unit of work that commits with
        the journal. A call to another service carries the key `<saga id>:<name>`, so repeating it is harmless:
        failures that may pass are retried with backoff, by `retry` (12 attempts within some 15 seconds unless given).
        `timeout` is in seconds and for each attempt. A Problem is raised here, and unless it is caught the
        saga compensates: `undo(result)` of each step done, in reverse order. When the outcome of a call stays
        unknown it is settled first, by asking again under the same key, and then undone too.
        The result is what its JSON is read back as, so that every later life of the saga sees the same.
        """
        return await self._run.step(name, call, args, undo=undo, retry=retry, timeout=timeout)

    async def pivot(
        self,
        name: str,
        call: Callable[[*Ts], Awaitable[T]],
        *args: *Ts,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
    ) -> T:
        """Run the step that decides: once it is done, the saga goes forward and is never compensated.

        When it fails, the steps before it are undone; when its outcome stays unknown, it is asked again under the
        same key for as long as an undo would be, and then the saga is parked. A step after it must succeed in the
        end: whatever it raises, a Problem too, is retried with backoff (by its `retry`, or for some three minutes),
        and then the saga is parked for an operator.
        """
        return await self._run.step(name, call, args, retry=retry, timeout=timeout, pivot=True)

    async def sleep(self, name: str, seconds: float | None = None, *, until: float | datetime | None = None) -> None:
        """Wait for `seconds`, or `until` a time (epoch seconds, or a datetime with a zone); across restarts.

        The time is fixed when the sleep begins. One that is longer than a lease holds neither a task nor memory:
        the saga is unloaded, and woken within a second of its time by any replica.
        """
        when = until.timestamp() if isinstance(until, datetime) else until
        await self._waits.until(name, seconds, when)

    async def wait_for(self, event: type[E], *, key: str, timeout: float | None = None, name: str = "") -> E:
        """Return the first event of that type and ordering key which this service heard after the saga began.

        One that came before the saga got here counts, unless an earlier wait for the same type and key has taken
        it; every saga that waits for an event gets it. While it waits the saga is unloaded. Raises EventMissing after
        `timeout` seconds (never without one). `name` is needed where a saga waits twice for one type.
        """
        return await self._waits.event(name or event.__name__, event, key, timeout)
