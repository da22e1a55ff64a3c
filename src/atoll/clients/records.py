"""What clients tell the hooks."""

from __future__ import annotations

from dataclasses import dataclass

from atoll.core.context import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished:
    """One logical call ended, after `attempts` tries (0 when none could be made) and `seconds` in all.

    `outcome` is "ok", "cancelled", or the code of the error it raised; `status` is that of the last HTTP reply, 0
    without one. `trace` is the call's own span.
    """

    contract: str
    operation: str
    outcome: str
    status: int
    seconds: float
    attempts: int
    trace: Trace | None = None
