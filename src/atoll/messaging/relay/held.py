"""Which lanes wait behind a message that the broker refuses, and when it is tried again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import inf
from typing import Final

REFUSED_SECONDS: Final = 30.0


class HeldLanes:
    """Times are those of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._again_at: dict[str, float] = {}

    def __contains__(self, lane: str) -> bool:
        return lane in self._again_at

    @property
    def next(self) -> float:
        """When the first of them is due; infinite for none."""
        return min(self._again_at.values(), default=inf)

    def due(self, now: float) -> list[str]:
        """Return the lanes to be tried again."""
        return [lane for lane, again_at in self._again_at.items() if again_at <= now]

    def refused(self, lane: str, now: float) -> None:
        """Hold a lane whose first message was refused just now."""
        self._again_at[lane] = now + REFUSED_SECONDS

    def found(self, lanes: Iterable[str], now: float) -> None:
        """Hold what an earlier holder left held, to be tried at once."""
        for lane in lanes:
            self._again_at.setdefault(lane, now)

    def emptied(self, lanes: Collection[str]) -> None:
        """Hold these no longer."""
        for lane in lanes:
            self._again_at.pop(lane, None)
