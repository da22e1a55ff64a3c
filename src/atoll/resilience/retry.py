"""How often to try again and how long to wait: exponential backoff with full jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ldexp

from atoll.core.errors import DeclarationError

_LARGEST_EXPONENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """At most `attempts` tries in all; the longest wait is `base` seconds at first and doubles up to `cap`.

    Raises DeclarationError when the numbers cannot be a policy.
    """

    attempts: int = 3
    base: float = 0.05
    cap: float = 1.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise DeclarationError(f"attempts={self.attempts}, but the first try counts, so it must be 1 or more")
        if not 0 <= self.base <= self.cap:
            raise DeclarationError(f"base={self.base} and cap={self.cap}, but 0 <= base <= cap must hold")


def full_jitter(policy: RetryPolicy, attempt: int, random: Callable[[], float]) -> float:
    """Return the seconds to wait after try number `attempt` (from 1) failed.

    Uniform between 0 and the backoff, so that callers that failed together do not come back together.
    `random` returns a number from 0 up to 1. Source: "Exponential Backoff And Jitter" (AWS Architecture Blog).
    """
    backoff = ldexp(policy.base, min(max(attempt, 1) - 1, _LARGEST_EXPONENT))
    return random() * min(policy.cap, backoff)
