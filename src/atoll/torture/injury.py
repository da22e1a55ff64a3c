"""What became of a fault, while it does."""

from __future__ import annotations

from dataclasses import dataclass

from atoll.torture.schedule import Fault


@dataclass(slots=True)
class Injury:
    """A fault that was done, or could not be (`failure` says why). Times are on the monotonic clock, 0.0 for not yet.

    `lifted` is when the harness let go: from then on the system can heal, so recovery counts from there.
    `ready` is when the process that was hurt (`killed`: its id, if it was) answered that it is ready; None when it
    did not within the patience, or for a link, which is whole at once. `repeated` counts messages.
    """

    fault: Fault
    began: float = 0.0
    lifted: float = 0.0
    ready: float | None = None
    killed: int = 0
    repeated: int = 0
    failure: str = ""
