"""An asyncio event loop in which time is a number and chance a seed.

Each simulated process has its own queue of ready callbacks, run first come first served as asyncio promises; which
process goes next is drawn. Time stands still while anything is ready and then jumps to the next timer; timers due
at the same moment come in any order. There is no I/O and there are no threads: what is handed to an executor runs
at once, and its result arrives a little later.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import heapq
import itertools
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, cast

from atoll.testing.simulation.errors import Stuck
from atoll.testing.simulation.process import Process, here

if TYPE_CHECKING:
    # Type checkers hold that a loop must have every method; this one has those that need no file and no socket.
    from asyncio import BaseEventLoop as Loop
else:
    Loop = asyncio.AbstractEventLoop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Timer = tuple[float, float, int, asyncio.TimerHandle, Process]

WORK_SECONDS: Final = 0.01
"""How long work handed to an executor takes at most."""
STILL: Final = 200_000
"""So many turns may be taken while time stands still, unless told otherwise."""
TICK: Final = 1e-9
"""The least that a wait takes, if it takes any time: as fine as a real clock, so that no wait rounds off to nothing."""
_BURST: Final = 4
_ROUNDS: Final = 50

_logger = logging.getLogger(__name__)


class _Task(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where in memory it lies.

    It has its number before asyncio puts it into its set of all tasks: equal hashes would make that set a list.
    """

    def __init__(self, number: int, *args: Any, **options: Any) -> None:
        self.number = number
        super().__init__(*args, **options)

    def __hash__(self) -> int:
        return self.number


class SimulationLoop(Loop):
    """Runs the processes of one simulation. `world` is the process of what belongs to no other.

    After `still` turns without a moment passing it holds that something goes round without ever waiting.
    """

    def __init__(self, chance: Random, *, still: int = STILL) -> None:
        self._chance = chance
        self._now = 0.0
        self._timers: list[Timer] = []
        self._count = itertools.count(1)
        self._tasks: list[_Task] = []
        self._prune_at = 1000
        self._closed = False
        self._still = 0
        self._still_at_most = still
        self.steps = 0
        self.processes: list[Process] = []
        self._buried: list[Process] = []
        self.failures: list[str] = []
        self.world = self.process("world", Random(chance.random()))

    # What a simulation does with it

    def process(self, name: str, chance: Random, *, skew: float = 0.0) -> Process:
        """Return a new process that runs in this loop."""
        process = Process(name, self, chance, skew=skew)
        self.processes.append(process)
        process.on_kill.append(lambda: self._bury(process))
        return process

    def spawn(self, process: Process, work: Coroutine[Any, Any, T], *, name: str = "") -> asyncio.Task[T]:
        """Run `work` as a task of `process`."""
        return self.create_task(work, name=name, context=process.context.copy())

    def start(self, process: Process, work: Coroutine[Any, Any, None], *, name: str = "") -> None:
        """Run `work` as a task of `process` that nobody waits for."""
        _ = self.create_task(work, name=name, context=process.context.copy())

    def run(self, done: Callable[[], bool], *, until: float) -> bool:
        """Turn until `done()`, but not past the virtual time `until`; tell whether it is done.

        Raises Stuck when `until` is infinite, nothing is ready, no timer is set, and it is not done; and when
        something goes round without ever waiting.
        """
        with self._running():
            while not done():
                if not self._turn(until):
                    return False
        return True

    def dispose(self) -> None:
        """End every task, also those of killed processes, whose last words nobody hears."""
        self.revive()
        with self._running():
            for _ in range(_ROUNDS):
                for task in self._tasks:
                    task.cancel()
                while runnable := [each for each in self.processes if each.runnable]:
                    self._step(runnable)
                if all(task.done() for task in self._tasks):
                    break
        self._tasks.clear()
        self._timers.clear()
        self._closed = True

    def revive(self) -> None:
        """Let killed and stopped processes run again, so that their tasks can be ended."""
        self.processes += self._buried
        self._buried = []
        for process in self.processes:
            process.alive, process.stopped = True, False

    def _turn(self, until: float) -> bool:
        self._fire()
        if runnable := [each for each in self.processes if each.runnable]:
            self._step(runnable)
            self._still += 1
            if self._still > self._still_at_most:
                raise Stuck(f"{runnable[0]} is busy and no time passes: something goes round without ever waiting")
            return True
        self._still = 0
        due = self._timers[0][0] if self._timers else math.inf
        if due == until == math.inf:
            raise Stuck("nothing is ready and no timer is set: everything waits for something that will not come")
        self._now = max(self._now, min(due, until))
        return due <= until

    def _step(self, runnable: list[Process]) -> None:
        process = runnable[0] if len(runnable) == 1 else runnable[int(self._chance.random() * len(runnable))]
        for _ in range(_BURST):
            if not process.runnable:
                break
            handle = process.ready.popleft()
            if not handle.cancelled():
                self.steps += 1
                handle._run()

    def _fire(self) -> None:
        """Make ready what is due; drop what belongs to the dead."""
        timers = self._timers
        while timers and (timers[0][0] <= self._now or not timers[0][4].alive or timers[0][3].cancelled()):
            _, _, _, handle, process = heapq.heappop(timers)
            if process.alive and not handle.cancelled():
                process.ready.append(handle)

    def _bury(self, process: Process) -> None:
        self.processes.remove(process)
        self._buried.append(process)

    @contextmanager
    def _running(self) -> Generator[None]:
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)

    # What asyncio asks of a loop

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        task = asyncio.ensure_future(cast("Awaitable[T]", future), loop=self)
        self.run(task.done, until=math.inf)
        return task.result()

    async def shutdown_asyncgens(self) -> None:
        """There are none left that the loop knows of."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    def close(self) -> None:
        if not self._closed:
            self.dispose()

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        context = contextvars.copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        context.get(here, self.world).ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        when = self._now + max(delay, TICK) if delay > 0 else self._now
        return self.call_at(when, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        context = contextvars.copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        tie = self._chance.random()
        heapq.heappush(self._timers, (when, tie, next(self._count), handle, context.get(here, self.world)))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is dropped when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Any]:
        number = next(self._count)
        task = _Task(number, coro, loop=self, name=str(name or f"task-{number}"), context=context)
        self._tasks.append(task)
        if len(self._tasks) > self._prune_at:
            self._tasks = [each for each in self._tasks if not each.done()]
            self._prune_at = 1000 + 2 * len(self._tasks)
        return task

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        try:
            outcome.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the result
            outcome.set_exception(error)
        self.call_later(self._chance.random() * WORK_SECONDS, _hand_over, outcome, future)
        return future

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """There is nothing to switch."""

    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what a callback raised as a failure of the simulation; what nobody waited for is logged only."""
        error = context.get("exception")
        if "handle" in context:
            self.failures.append(f"{context.get('message')}: {error!r}")
        _logger.debug("%s: %r", context.get("message"), error)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)


def _hand_over(outcome: concurrent.futures.Future[T], future: asyncio.Future[T]) -> None:
    if future.cancelled():
        return
    if (error := outcome.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(outcome.result())
