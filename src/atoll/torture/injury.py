"""What became of a fault, while it does."""

from __future__ import annotations

from dataclasses import dataclass, field

from atoll.torture.schedule import Fault


@dataclass(slots=True)
class Injury:
    """A fault that was done, or could not be (`failure` says why). Times are on the monotonic clock, 0.0 for not yet.

    `lifted` is when the harness let go: from then on the system can heal, so recovery counts from there.
    `ready` is when the process that was hurt (`killed`: its id, if it was) answered that it is ready; None when it
    did not within the patience, or for a link, which is whole at once. `service` is whose process it was.
    `repeated` counts messages. `orphans` counts the open sagas that a replica left; `resumed` has for each that
    another took over the seconds from `began` until then.
    """

    fault: Fault
    service: str = ""
    began: float = 0.0
    lifted: float = 0.0
    ready: float | None = None
    killed: int = 0
    repeated: int = 0
    orphans: int = 0
    resumed: list[float] = field(default_factory=list[float])
    failure: str = ""
