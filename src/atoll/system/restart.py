"""When a process that ended is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """`base` doubles with each failure up to `cap`; one that ran for `steady` counts as well again. Seconds."""

    base: float = 0.1
    cap: float = 10.0
    steady: float = 10.0


class Restarts:
    """The failures of one process in a row, and how long to wait after each."""

    def __init__(self, policy: RestartPolicy) -> None:
        self.policy = policy
        self.total = 0
        self._in_a_row = 0

    def ended(self, ran: float) -> float:
        """Note that the process ended after `ran` seconds; return the seconds to wait before the next start."""
        self._in_a_row = 1 if ran >= self.policy.steady else self._in_a_row + 1
        self.total += 1
        return float(min(self.policy.cap, self.policy.base * 2 ** min(self._in_a_row - 1, 30)))
