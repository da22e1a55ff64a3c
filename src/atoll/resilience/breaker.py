"""A circuit breaker: stop calling what keeps failing, and try it again carefully.

closed ──(failure rate over the window)──▶ open ──(open_for seconds)──▶ half-open ──(probes succeed)──▶ closed
                                            ▲───────────────(one probe fails)──────┘

Each change of state begins a new generation. A call belongs to the generation it began in, and its result is
discarded when that is over: a slow failure from before the breaker opened says nothing about now (the idea is
gobreaker's).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atoll.core.clock import Clock
from atoll.core.errors import DeclarationError

State = Literal["closed", "open", "half_open"]

_SLICES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """Open when, of at least `minimum` calls in the last `window` seconds, the share `rate` or more failed.

    After `open_for` seconds `probes` calls are let through at a time; when as many have succeeded, it closes.
    """

    rate: float = 0.5
    minimum: int = 5
    window: float = 10.0
    open_for: float = 2.0
    probes: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise DeclarationError(f"rate={self.rate}, but it must be more than 0 and at most 1")
        if min(self.minimum, self.probes) < 1 or min(self.window, self.open_for) <= 0:
            raise DeclarationError("minimum, probes, window and open_for of a breaker must be more than zero")


class Breaker:
    """One breaker for one thing that is called. Not thread-safe: it belongs to one event loop.

    `enter` before the call and, when it gave a generation, `leave` with it exactly once afterwards.
    """

    def __init__(self, policy: BreakerPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._state: State = "closed"
        self._generation = 0
        self._opened_at = 0.0
        self._probing = 0
        self._proved = 0
        self._window = _Window(policy.window)

    @property
    def state(self) -> State:
        """The state now; `open` becomes `half_open` by the passing of time."""
        if self._state == "open" and self._clock.monotonic() - self._opened_at >= self._policy.open_for:
            self._change("half_open")
        return self._state

    def enter(self) -> int | None:
        """Return the generation of a call that may be made; None when it must not be."""
        state = self.state
        if state == "closed":
            return self._generation
        if state == "open" or self._probing >= self._policy.probes:
            return None
        self._probing += 1
        return self._generation

    def leave(self, generation: int, ok: bool | None) -> None:
        """Tell how the call ended; `ok` is None for one that was given up and says nothing about the callee."""
        if generation != self._generation:
            return
        if self._state == "half_open":
            self._probed(ok)
        elif ok is not None:
            self._called(ok)

    def _called(self, ok: bool) -> None:
        calls, failures = self._window.add(self._clock.monotonic(), ok)
        if not ok and calls >= self._policy.minimum and failures >= self._policy.rate * calls:
            self._change("open")

    def _probed(self, ok: bool | None) -> None:
        self._probing -= 1
        if ok is False:
            self._change("open")
        elif ok:
            self._proved += 1
            if self._proved >= self._policy.probes:
                self._change("closed")

    def _change(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._probing = self._proved = 0
        if state == "open":
            self._opened_at = self._clock.monotonic()
        elif state == "closed":
            self._window = _Window(self._policy.window)


class _Window:
    """Calls and failures of the last `seconds`, counted in slices: exact to one slice, constant in memory."""

    def __init__(self, seconds: float) -> None:
        self._slice = seconds / _SLICES
        self._newest = 0
        self._calls = [0] * _SLICES
        self._failures = [0] * _SLICES

    def add(self, now: float, ok: bool) -> tuple[int, int]:
        """Count one call that ended at `now`; return all calls and failures in the window."""
        self._advance(int(now / self._slice))
        place = self._newest % _SLICES
        self._calls[place] += 1
        self._failures[place] += not ok
        return sum(self._calls), sum(self._failures)

    def _advance(self, newest: int) -> None:
        for number in range(max(self._newest + 1, newest - _SLICES + 1), newest + 1):
            self._calls[number % _SLICES] = self._failures[number % _SLICES] = 0
        self._newest = max(self._newest, newest)
