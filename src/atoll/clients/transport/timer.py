"""One timer for all the waits of a request; `asyncio.timeout` would cost 10 us for each, `wait_for` 25."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from atoll.clients.errors import CallTimedOut

T = TypeVar("T")


class Timer:
    """Fails the future that is being waited for when `seconds` are over."""

    def __init__(self, seconds: float, waiting_for: str) -> None:
        self._message = f"no answer from {waiting_for} within {max(seconds, 0.0):.3g} s"
        self._waiting: asyncio.Future[object] | None = None
        self._expired = seconds <= 0
        self._handle = asyncio.get_running_loop().call_later(max(seconds, 0.0), self._expire)

    def check(self) -> None:
        """Raise CallTimedOut when the time is over."""
        if self._expired:
            raise CallTimedOut(self._message)

    def watch(self, future: asyncio.Future[T]) -> asyncio.Future[T]:
        """Return `future`, which now fails with CallTimedOut when the time is over before it is done.

        Only one future is watched at a time; `check` before an effect that must not come late.
        """
        self._waiting = future  # type: ignore[assignment]  # only failed, never given a result
        return future

    def cancel(self) -> None:
        """Stop the timer. Idempotent."""
        self._handle.cancel()

    def _expire(self) -> None:
        self._expired = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(CallTimedOut(self._message))
