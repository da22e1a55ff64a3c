"""What sagas tell their observers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atoll.core.context import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStepFinished:
    """A step or its undo has ended. `seconds` from its first attempt in this process."""

    saga: str
    step: str
    outcome: Literal["done", "failed", "unknown", "undone"]
    seconds: float
    attempts: int
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaFinished:
    """A saga has come to its end. `seconds` since it was started, whoever ran it; `trace` is its own span."""

    name: str
    outcome: Literal["completed", "compensated", "parked"]
    seconds: float
    trace: Trace | None = None
