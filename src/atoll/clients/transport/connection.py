"""One HTTP/1.1 connection: one request at a time, and no byte that nobody asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from atoll.clients.errors import CallError, ConnectionFailed, MalformedReply
from atoll.clients.port import Reply
from atoll.clients.transport.limits import Limits
from atoll.clients.transport.parsing import ReplyParser


class Connection(asyncio.Protocol):
    """A connected socket and its parser. `kept`: it has been idle, so the server may be closing it unseen."""

    def __init__(self, limits: Limits, lost: Callable[[Connection], None]) -> None:
        self._parser = ReplyParser(limits)
        self._lost = lost
        self._waiter: asyncio.Future[Reply] | None = None
        self._loop = asyncio.get_running_loop()
        self.closed = self._loop.create_future()
        self.kept = False
        self.idle_since = 0.0

    @property
    def reusable(self) -> bool:
        """True when another request may be written to it."""
        return (
            self._waiter is None
            and self._parser.reusable
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()  # a reply that came before the whole request was sent
        )

    def exchange(self, method: str, data: bytes) -> asyncio.Future[Reply]:
        """Write a request; the future is its reply. Whoever gives up on the future must `abort` the connection."""
        self._waiter = waiter = self._loop.create_future()
        self._parser.begin(method)
        self._transport.write(data)
        return waiter

    def abort(self) -> None:
        """Close at once. Idempotent."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.abort()  # an answer to nothing: whatever follows could be taken for the answer to the next request
            return
        try:
            self._parser.feed(data)
        except MalformedReply as error:
            self._settle(error)
        else:
            if self._parser.reply is not None:
                self._settle(self._parser.reply)

    def eof_received(self) -> None:
        if self._waiter is None:
            return
        try:
            self._parser.end()
        except ConnectionFailed as error:
            self._settle(error)
        else:
            self._settle(cast("Reply", self._parser.reply))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None:
            started = self._parser.started
            message = "in the middle of its reply" if started else "without an answer"
            self._settle(ConnectionFailed(f"the connection broke {message}", sent=True, answered=started))
        self.closed.set_result(None)
        self._lost(self)

    def _settle(self, outcome: Reply | CallError) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, Reply):
            waiter.set_result(outcome)
        else:
            waiter.set_exception(outcome)
