"""One thread and the connection that only it touches: calls run there one after the other, in the order they are given.

A queue and a wake-up of the loop for each call, and nothing else: an executor's locks and its two futures a call were
the dearest thing in a service on SQLite.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple, TypeVar

from atoll.storage.errors import ConnectionLost
from atoll.storage.port import Statement
from atoll.storage.sqlite.errors import translated

T = TypeVar("T")
Told = Callable[[Any, BaseException | None], None]

_logger: Final = logging.getLogger(__name__)


class Job(NamedTuple):
    """A call for the thread, and whom to tell on which loop."""

    loop: asyncio.AbstractEventLoop
    told: Told
    function: Callable[..., Any]
    args: tuple[Any, ...]


class Worker:
    """A connection and its thread. After `close`, or should the thread ever end, every call gets ConnectionLost."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._over = False
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def post(self, told: Told, function: Callable[..., Any], *args: Any) -> None:
        """Run `function(connection, *args)` on the thread, then call `told(result, error)` once on this loop."""
        self._jobs.put(Job(asyncio.get_running_loop(), told, function, args))
        if self._over:
            self._refuse_rest()

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on the thread. Raises what it raises.

        A call that is cancelled before its turn is not made.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.post(partial(_settle, future), _unless_cancelled, future, function, args)
        return await future

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on the thread. Raises StatementFailed and its kinds, DiskFailed."""
        try:
            return await self.run(function, *args)
        except (sqlite3.Error, OverflowError, MemoryError) as error:
            statement = next((each for each in args if isinstance(each, Statement)), None)
            raise translated(error, statement) from error

    async def close(self) -> None:
        """Let the calls given so far end, then close the connection. Idempotent."""
        if not self._over:
            await self.run(sqlite3.Connection.close)
            self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                _do(job, self._connection)
                del job  # or what it holds would live until the next one comes
        except BaseException:
            _logger.exception("the thread of a SQLite connection ends; its database cannot be used any more")
        finally:
            self._over = True
            self._connection.close()
            self._refuse_rest()

    def _refuse_rest(self) -> None:
        """Tell those whose calls will not be made; on the thread as it ends, and on the loop from then on."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is not None:
                _tell(job, None, ConnectionLost("the connection to the SQLite database is closed"))


def _do(job: Job, connection: sqlite3.Connection) -> None:
    result, problem = None, None
    try:
        result = job.function(connection, *job.args)
    except BaseException as error:  # noqa: BLE001 - raised on the loop
        problem = error
    _tell(job, result, problem)


def _tell(job: Job, result: Any, error: BaseException | None) -> None:
    try:
        job.loop.call_soon_threadsafe(job.told, result, error)
    except RuntimeError:
        _logger.debug("the loop that gave a call to a SQLite thread is closed")


def _unless_cancelled(
    connection: sqlite3.Connection, future: asyncio.Future[T], function: Callable[..., T], args: tuple[Any, ...]
) -> T | None:
    return None if future.cancelled() else function(connection, *args)


def _settle(future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
