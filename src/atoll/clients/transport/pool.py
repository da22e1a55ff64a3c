"""The connections to one address: the last one used is taken first, a new one made when none is free."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from atoll.clients.errors import ConnectionFailed
from atoll.clients.transport.connection import Connection
from atoll.clients.transport.limits import Limits
from atoll.clients.transport.timer import Timer

Dial = Callable[[Callable[[Connection], None]], Coroutine[Any, Any, Connection]]
Waiting = asyncio.Future[Connection]


class Pool:
    """At most `max_connections`, first come first served when they are all busy.

    Taking first the one used last lets the others reach their idle timeout. Connections are made by tasks of the
    pool, not of the request, so a request that is given up neither loses nor leaks one.
    """

    def __init__(self, dial: Dial, limits: Limits) -> None:
        self._dial = dial
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._idle: list[Connection] = []
        self._dialling: set[asyncio.Task[None]] = set()
        self._for_new: deque[Waiting] = deque()
        self._for_any: deque[Waiting] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def empty(self) -> bool:
        """True when there is no connection, and none under way."""
        return not self._open and not self._dialling

    def take(self) -> Connection | None:
        """Return an idle connection, if one is there that the server should not have closed yet."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and self._loop.time() - connection.idle_since < self._limits.idle_timeout:
                return connection
            connection.abort()
        return None

    async def wait(self, timer: Timer, *, new: bool = False) -> Connection:
        """Return a connection when one is free or made; with `new` one that has never carried a request.

        Raises ConnectionFailed, and CallTimedOut as `timer` says.
        """
        waiting = self.ask(new=new)
        try:
            return await timer.watch(waiting)
        except BaseException:
            self.forget(waiting)
            raise

    def ask(self, *, new: bool = False) -> Waiting:
        """Return the future of a connection, for `wait`."""
        waiting: Waiting = self._loop.create_future()
        if self._closed:
            waiting.set_exception(ConnectionFailed("the transport is closed", sent=False))
            return waiting
        (self._for_new if new else self._for_any).append(waiting)
        self._grow()
        return waiting

    def forget(self, waiting: Waiting) -> None:
        """Give up on what `ask` returned; a connection that had already come is kept."""
        if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
            self.give_back(waiting.result())

    def give_back(self, connection: Connection) -> None:
        """Return a connection whose request is done; it is closed if it cannot carry another."""
        if not connection.reusable or self._closed:
            connection.abort()
            return
        connection.kept = True
        if (waiting := _next(self._for_any)) is not None:
            waiting.set_result(connection)
        else:
            self._keep(connection)

    async def close(self) -> None:
        """Close every connection and fail whoever waits for one. Idempotent."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        closing = [*self._dialling, *(each.closed for each in self._open)]
        for task in self._dialling:
            task.cancel()
        for connection in list(self._open):
            connection.abort()
        while (waiting := _next(self._for_new) or _next(self._for_any)) is not None:
            waiting.set_exception(ConnectionFailed("the transport is closed", sent=False))
        await asyncio.gather(*closing, return_exceptions=True)

    def _grow(self) -> None:
        wanted = _living(self._for_new) + _living(self._for_any)
        while len(self._dialling) < wanted and not self._closed:
            if len(self._open) + len(self._dialling) >= self._limits.max_connections:
                if self._for_new and self._idle:
                    self._idle.pop(0).abort()  # its place is free, and this is called again, once it is closed
                return
            task = self._loop.create_task(self._connect())
            self._dialling.add(task)
            task.add_done_callback(self._dialled)

    async def _connect(self) -> None:
        try:
            connection = await self._dial(self._lost)
        except ConnectionFailed as error:
            if (waiting := _next(self._for_new) or _next(self._for_any)) is not None:
                waiting.set_exception(error)
            return
        self._open.add(connection)
        if (waiting := _next(self._for_new) or _next(self._for_any)) is not None:
            waiting.set_result(connection)
        else:
            self.give_back(connection)

    def _dialled(self, task: asyncio.Task[None]) -> None:
        self._dialling.discard(task)
        self._grow()

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._grow()

    def _keep(self, connection: Connection) -> None:
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._limits.idle_timeout, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        now, allowed = self._loop.time(), self._limits.idle_timeout
        while self._idle and self._idle[0].idle_since <= now - allowed:
            self._idle.pop(0).abort()
        if self._idle:
            self._sweeping = self._loop.call_at(self._idle[0].idle_since + allowed, self._sweep)


def _next(line: deque[Waiting]) -> Waiting | None:
    """Take the first in `line` who still waits."""
    while line:
        waiting = line.popleft()
        if not waiting.done():
            return waiting
    return None


def _living(line: deque[Waiting]) -> int:
    """The length of `line` without those at its head who gave up."""
    while line and line[0].done():
        del line[0]
    return len(line)
