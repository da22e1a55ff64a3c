"""What a run came to, as one record: what the text, the JSON and the page all show."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from atoll.system import Attempt
from atoll.torture.injury import Injury
from atoll.torture.schedule import KINDS, Kind

BIN_SECONDS: Final = 1.0
ACCEPTED: Final = 202
HEALING: Final[frozenset[Kind]] = frozenset({"kill", "down", "stop", "broker"})
"""The kinds after which a process has to become ready again."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Durations of one sort in seconds; `missing` counts what never came to its end."""

    count: int
    missing: int
    p50: float
    p99: float


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind of fault healed, counted from when the harness let go.

    `ready`: until the process that was hurt answered `/readyz` (or took a connection); a link is whole at once.
    `answered`: until a request that was sent after that moment came back well through the gateway, one to the
    service in question if it has any.
    """

    kind: Kind
    faults: int
    ready: Span | None
    answered: Span


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """One fault as it happened, in seconds since the load began; `ready` and `answered` in seconds after `lifted`.

    `orphans` counts the open sagas that a replica left when it was killed and kept down; `resumed` has the seconds
    from the kill until another replica had taken over each, for those that one did.
    """

    kind: Kind
    target: str
    began: float
    lifted: float
    ready: float | None
    answered: float | None
    repeated: int = 0
    orphans: int = 0
    resumed: Sequence[float] = ()
    failure: str = ""


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """Requests through the gateway. `sent` is `ok` (2xx), `refused` (4xx) and `failed` (5xx, 202 or no answer).

    `retried` are those among them that repeated an earlier one.
    """

    sent: int
    ok: int
    refused: int
    failed: int
    retried: int


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """The requests answered in the second that begins at `at`."""

    at: float
    ok: int
    refused: int
    failed: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One invariant; it holds when there are no violations."""

    name: str
    violations: Sequence[str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. `lost`, `doubled` and `stuck` hold a sentence for each case.

    `resumption` says how long after the death of their replica others took its sagas over, each of which holds a
    saga for `lease` seconds; None when no replica was kept down.
    """

    system: str
    seed: int
    database: str
    broker: str
    load_seconds: float
    settle_seconds: float
    faults: Sequence[FaultView]
    recovery: Sequence[Recovery]
    lease: float
    resumption: Span | None
    requests: Requests
    timeline: Sequence[Bin]
    acknowledged: int
    unanswered: Mapping[str, int]
    lost: Sequence[str]
    doubled: Sequence[str]
    stuck: Sequence[str]
    invariants: Sequence[Verdict]
    left_running: Sequence[str]

    @property
    def good(self) -> bool:
        """Everything holds, nothing is left running, and there was something to hold and something done to it."""
        wrong = self.lost or self.doubled or self.stuck or self.left_running
        held = bool(self.invariants) and not any(each.violations for each in self.invariants)
        happened = self.acknowledged > 0 and any(not each.failure for each in self.faults)
        return held and happened and not wrong

    def by_kind(self) -> dict[Kind, list[FaultView]]:
        """The faults of each kind that was used, in the order of kinds."""
        found: dict[Kind, list[FaultView]] = {}
        for kind in KINDS:
            if faults := [each for each in self.faults if each.kind == kind]:
                found[kind] = faults
        return found


class Answers:
    """When requests that were sent after some moment were first answered well. `owner` tells the service of one."""

    def __init__(self, attempts: Iterable[Attempt], owner: Callable[[Attempt], str]) -> None:
        self._any: list[Attempt] = []
        self._by_service: dict[str, list[Attempt]] = {}
        for each in sorted((each for each in attempts if outcome_of(each) == "ok"), key=_began):
            self._any.append(each)
            self._by_service.setdefault(owner(each), []).append(each)

    def after(self, moment: float, service: str) -> float | None:
        """Return when the first well answered request since `moment` was answered; None when there is none."""
        attempts = self._by_service.get(service, self._any)
        later = attempts[bisect_left(attempts, moment, key=_began) :]
        return min((each.ended for each in later), default=None)


def outcome_of(attempt: Attempt) -> str:
    """Return `ok`, `refused` or `failed`. 202 says that a saga still runs, so it settles nothing either."""
    if 200 <= attempt.status < 300 and attempt.status != ACCEPTED:
        return "ok"
    return "refused" if 400 <= attempt.status < 500 else "failed"


def requests_of(attempts: Sequence[Attempt]) -> Requests:
    """Count requests by outcome."""
    outcomes = [outcome_of(each) for each in attempts]
    return Requests(
        sent=len(outcomes),
        ok=outcomes.count("ok"),
        refused=outcomes.count("refused"),
        failed=outcomes.count("failed"),
        retried=sum(each.repeated for each in attempts),
    )


def timeline_of(attempts: Iterable[Attempt], zero: float) -> list[Bin]:
    """Count requests by the second in which they were answered, without gaps."""
    counts: dict[int, dict[str, int]] = {}
    for each in attempts:
        bin_ = counts.setdefault(int((each.ended - zero) // BIN_SECONDS), {})
        outcome = outcome_of(each)
        bin_[outcome] = bin_.get(outcome, 0) + 1
    names = ("ok", "refused", "failed")
    return [
        Bin(at=number * BIN_SECONDS, **{name: counts.get(number, {}).get(name, 0) for name in names})
        for number in range(max(counts, default=-1) + 1)
    ]


def fault_views(injuries: Iterable[Injury], answers: Answers, zero: float) -> list[FaultView]:
    """Return what happened in the order of time, counted from `zero`."""
    views = [
        FaultView(
            kind=each.fault.kind,
            target=each.fault.target,
            began=each.began - zero,
            lifted=each.lifted - zero,
            ready=_since(each.lifted, each.ready),
            answered=_since(each.lifted, answers.after(each.lifted, each.service)),
            repeated=each.repeated,
            orphans=each.orphans,
            resumed=tuple(each.resumed),
            failure=each.failure,
        )
        for each in injuries
    ]
    return sorted(views, key=lambda view: view.began)


def recovery_of(faults: Sequence[FaultView]) -> list[Recovery]:
    """Return how each kind that can heal did so; repeated messages hurt nothing."""
    found: list[Recovery] = []
    for kind in KINDS:
        done = [each for each in faults if each.kind == kind and not each.failure]
        if done and kind != "duplicate":
            ready = span_of(each.ready for each in done) if kind in HEALING else None
            answered = span_of(each.answered for each in done)
            found.append(Recovery(kind=kind, faults=len(done), ready=ready, answered=answered))
    return found


def resumption_of(faults: Sequence[FaultView]) -> Span | None:
    """Return how long the sagas of replicas that were kept down waited for another; None when none was."""
    down = [each for each in faults if each.kind == "down" and not each.failure]
    if not down:
        return None
    missing = sum(each.orphans - len(each.resumed) for each in down)
    return span_of([*(seconds for each in down for seconds in each.resumed), *([None] * missing)])


def span_of(values: Iterable[float | None]) -> Span:
    """Return count, median and 99th percentile by nearest rank."""
    listed = list(values)
    known = sorted(each for each in listed if each is not None)
    return Span(
        count=len(known),
        missing=len(listed) - len(known),
        p50=percentile(known, 50),
        p99=percentile(known, 99),
    )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the ordered values do not exceed (nearest rank); 0 for none."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else 0.0


def _since(moment: float, then: float | None) -> float | None:
    return None if then is None else max(0.0, then - moment)


def _began(attempt: Attempt) -> float:
    return attempt.began
