"""A limit on retries as a share of all calls, so that retries cannot become the overload."""

from __future__ import annotations

from atoll.core.clock import Clock


class RetryBudget:
    """A token bucket: a call puts in `share` of a token, a retry takes a whole one.

    So at most `share` of the calls are repeated in the long run. The bucket holds `capacity` tokens and starts
    full; it also fills by `per_second`, so that a caller with little traffic can still retry.
    Model: Finagle's RetryBudget.
    """

    def __init__(self, clock: Clock, *, share: float = 0.2, capacity: float = 10.0, per_second: float = 1.0) -> None:
        self._clock = clock
        self._share = share
        self._capacity = capacity
        self._per_second = per_second
        self._tokens = capacity
        self._filled_at = clock.monotonic()

    @property
    def tokens(self) -> float:
        """The retries that could be made now."""
        self._fill()
        return self._tokens

    def record_call(self) -> None:
        """Count one call (not its retries)."""
        self._tokens = min(self._capacity, self._tokens + self._share)

    def spend(self) -> bool:
        """Take the token for one retry; False when there is none, and then the retry must not be made."""
        self._fill()
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
