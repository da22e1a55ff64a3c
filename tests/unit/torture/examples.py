"""A report to look at."""

from __future__ import annotations

from msgspec.structs import replace

from atoll.system import Attempt
from atoll.torture.injury import Injury
from atoll.torture.report import (
    Answers,
    Report,
    Verdict,
    fault_views,
    recovery_of,
    requests_of,
    timeline_of,
)
from atoll.torture.schedule import Fault

ZERO = 100.0


def attempt(began: float, ended: float, status: int = 200, *, path: str = "/a", repeated: bool = False) -> Attempt:
    """One with times counted from the beginning of the load."""
    return Attempt(method="POST", path=path, began=ZERO + began, ended=ZERO + ended, status=status, repeated=repeated)


def killed(target: str, at: float, *, ready: float | None = None, failure: str = "") -> Injury:
    fault = Fault(at=at, kind="kill", target=target)
    moment = ZERO + at
    return Injury(fault, target, moment, moment, None if ready is None else moment + ready, failure=failure)


ATTEMPTS = [attempt(0.1, 0.2), attempt(1.0, 1.5, 503), attempt(1.6, 2.5, repeated=True), attempt(2.0, 2.1, 404)]
INJURIES = [
    killed("order", 1.0, ready=0.5),
    Injury(Fault(at=2.0, kind="duplicate", target="order"), "", ZERO + 2.0, ZERO + 2.0, repeated=40),
    Injury(Fault(at=0.5, kind="cut", target="<broker>", seconds=1.0), "", ZERO + 0.5, ZERO + 1.5),
]
FAULTS = fault_views(INJURIES, Answers(ATTEMPTS, lambda _: ""), ZERO)

GOOD = Report(
    system="shop",
    seed=7,
    database="sqlite",
    broker="nats",
    load_seconds=3.0,
    settle_seconds=2.0,
    faults=FAULTS,
    recovery=recovery_of(FAULTS),
    lease=10.0,
    resumption=None,
    requests=requests_of(ATTEMPTS),
    timeline=timeline_of(ATTEMPTS, ZERO),
    acknowledged=2,
    unanswered={},
    lost=[],
    doubled=[],
    stuck=[],
    invariants=[Verdict(name="the books agree", violations=[])],
    left_running=[],
)
BAD = replace(
    GOOD,
    lost=["sale <1>"],
    unanswered={"checkout: 503": 2},
    invariants=[Verdict(name="the books agree", violations=[f"line {number} is wrong" for number in range(30)])],
)
