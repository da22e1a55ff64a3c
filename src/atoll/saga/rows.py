"""The journal's rows as they are stored, and the right to write them."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Status = Literal["running", "compensating", "completed", "compensated", "parked"]
Kind = Literal["step", "undo", "timer", "event"]
StepOutcome = Literal["done", "failed", "unknown", "waiting", "stuck", "skipped"]
Action = Literal["retry", "skip", "resolve"]

ENDED: Final = frozenset({"completed", "compensated", "parked"})
"""What a caller need not wait for any longer; only an operator changes a parked one."""


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """Why a saga is parked. `step` is empty when it is the saga's own code; `error` is a problem document."""

    step: str = ""
    kind: Kind = "step"
    error: str


class SagaRow(msgspec.Struct, frozen=True, kw_only=True):
    """One saga as it is stored; `input`, `result` and `cause` are JSON text, times in epoch seconds.

    `owner` is the slot that ran it last, `holder` the very process. `wake_at` is set while nobody runs it because
    it waits: until then, or for the event in `waits_for`. It hears events later than number `hears_after`.
    `turned_at` is when it began to compensate.
    """

    id: str
    name: str
    version: int = 1
    status: Status
    input: str
    result: str | None = None
    cause: str | None = None
    stuck: Stuck | None = None
    subject: str = ""
    roles: list[str] = []
    traceparent: str = ""
    request_id: str = ""
    owner: str
    holder: str = ""
    epoch: int
    lease_until: float
    wake_at: float | None = None
    waits_for: str = ""
    hears_after: int | None = None
    started_at: float
    turned_at: float | None = None
    ended_at: float | None = None


SAGA_COLUMNS: Final = ", ".join(SagaRow.__struct_fields__)


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded step, its compensation ("undo"), a timer or a wait for an event.

    `place` is its number in the order the saga's code came to it, `digest` that of its arguments, `error` a problem
    document, `seconds` how long it took since its first attempt in the process that ended it, `due` when a wait ends.
    """

    name: str
    kind: Kind
    outcome: StepOutcome
    place: int = 0
    digest: str = ""
    result: str | None = None
    error: str | None = None
    attempts: int
    seconds: float = 0.0
    due: float | None = None
    time: float


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator decided about a parked saga. `id` is unique, so that the same one is made once.

    `result` is JSON text: what a skipped step is to have returned, or the saga that is resolved as completed.
    """

    id: str
    saga_id: str
    action: Action
    step: str = ""
    who: str
    note: str = ""
    result: str | None = None
    time: float


class Lease:
    """The right to write a saga's journal: void once the saga's epoch is another.

    `until` is when others may take it over, by the clock of this machine; it is prolonged again and again.
    """

    __slots__ = ("epoch", "saga_id", "until")

    def __init__(self, saga_id: str, epoch: int, until: float) -> None:
        self.saga_id = saga_id
        self.epoch = epoch
        self.until = until

    def prolong(self, until: float) -> None:
        """Note that it holds until then, if not longer."""
        self.until = max(self.until, until)
