"""From what was seen in a run to its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from atoll.system import System
from atoll.torture.engines import BROKER, DATABASE, Engines
from atoll.torture.owners import owners_of
from atoll.torture.report import (
    Answers,
    Report,
    Verdict,
    fault_views,
    recovery_of,
    requests_of,
    resumption_of,
    timeline_of,
)
from atoll.torture.settle import Outcome
from atoll.torture.storm import Storm


def make_report(
    system: System,
    found: Engines,
    storm: Storm,
    outcome: Outcome,
    *,
    seed: int,
    lease: float,
    load_seconds: float,
    left_running: Sequence[str],
) -> Report:
    """Return the report of a run that is over."""
    recorder = storm.recorder
    faults = fault_views(storm.injuries, Answers(recorder.attempts, owners_of(system)), storm.zero)
    return Report(
        system=system.name,
        seed=seed,
        database=found.kind(DATABASE, "sqlite:"),
        broker=found.kind(BROKER, "nats:"),
        load_seconds=load_seconds,
        settle_seconds=outcome.seconds,
        faults=faults,
        recovery=recovery_of(faults),
        lease=lease,
        resumption=resumption_of(faults),
        requests=requests_of(recorder.attempts),
        timeline=timeline_of(recorder.attempts, storm.zero),
        acknowledged=len(set(recorder.acknowledged)),
        unanswered=dict(Counter(recorder.unanswered)),
        lost=outcome.lost,
        doubled=outcome.doubled,
        stuck=outcome.stuck,
        invariants=[Verdict(name=name, violations=wrong) for name, wrong in outcome.violations.items()],
        left_running=left_running,
    )
