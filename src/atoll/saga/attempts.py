"""The tries of one step or undo: each in a unit of work that also writes the journal, under one idempotency key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import msgspec

from atoll.core import context as contexts
from atoll.core.clock import Clock
from atoll.core.context import Context
from atoll.core.errors import AtollError, DeclarationError
from atoll.core.hooks import Hooks
from atoll.core.machine import machine
from atoll.resilience import RetryPolicy, full_jitter
from atoll.saga import points
from atoll.saga.answers import Decoder
from atoll.saga.errors import LeaseLost
from atoll.saga.failures import Exhausted, Unkept, document_of, may_pass
from atoll.saga.journal import Journal
from atoll.saga.records import SagaStepFinished
from atoll.saga.rows import Kind, Lease, SagaRow, StepOutcome, StepRow
from atoll.storage import StorageError, in_transaction

STEP: Final = RetryPolicy(attempts=12, base=0.05, cap=2.0)
SETTLE: Final = RetryPolicy(attempts=40, base=0.1, cap=5.0)
"""For what must succeed: learning an unknown outcome, undoing, and going forward behind a pivot: some three minutes."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What a run needs from outside."""

    journal: Journal
    hooks: Hooks
    clock: Clock
    random: Random = field(default_factory=Random)
    step: RetryPolicy = STEP
    settle: RetryPolicy = SETTLE


@dataclass(slots=True, kw_only=True)
class Call:
    """A step or an undo that is to be made, and what its tries have shown so far."""

    name: str
    kind: Kind
    place: int
    function: Callable[[], Awaitable[Any]]
    digest: str = ""
    decoder: Decoder | None = None
    retry: RetryPolicy | None = None
    timeout: float | None = None
    pivot: bool = False
    tries: int = 0
    began: float = 0.0
    answered: bool = False
    doubt: bool = False

    def read(self, text: str | None) -> Any:
        """Return a result as it is kept; nothing for an undo."""
        return None if self.decoder is None else self.decoder.decode(text or "null")


class Attempts:
    """Makes the calls of one saga under its lease."""

    def __init__(self, saga: SagaRow, lease: Lease, around: Surroundings) -> None:
        self._saga = saga
        self._lease = lease
        self._around = around
        self._journal = around.journal

    async def make(self, call: Call, policy: RetryPolicy, is_failure: Callable[[Exception, bool], bool]) -> Any:
        """Try until it succeeds. Raises what `is_failure` says is one (told whether an earlier try is in doubt),
        Exhausted after the policy's last attempt, LeaseLost.
        """
        clock, random = self._around.clock, self._around.random
        call.began = call.began or clock.monotonic()
        for attempt in range(1, policy.attempts + 1):
            call.tries += 1
            try:
                result = await self._once(call)
            except (LeaseLost, Unkept):
                raise
            except Exception as error:
                call.doubt = call.doubt or _in_doubt(call, error)
                if is_failure(error, call.doubt):
                    raise
                _logger.info("%s: attempt %s failed: %r", self._named(call), call.tries, error)
                if attempt == policy.attempts:
                    raise Exhausted(error) from error
                await clock.sleep(full_jitter(policy, attempt, random.random))
            else:
                self.told(call, "undone" if call.kind == "undo" else "done")
                return result
        raise AssertionError("unreachable: a retry policy has at least one attempt")

    def row(
        self, call: Call, outcome: StepOutcome, *, result: str | None = None, error: BaseException | None = None
    ) -> StepRow:
        """Return what is to be recorded of a call."""
        return StepRow(
            name=call.name,
            kind=call.kind,
            outcome=outcome,
            place=call.place,
            digest=call.digest,
            result=result,
            error=None if error is None else document_of(error),
            attempts=max(call.tries, 1),
            seconds=self._seconds(call),
            time=self._around.clock.now(),
        )

    def told(self, call: Call, outcome: Any) -> None:
        """Tell the observers how a call has ended."""
        self._around.hooks.emit(
            SagaStepFinished(
                saga=self._saga.name,
                step=call.name,
                outcome=outcome,
                seconds=self._seconds(call),
                attempts=call.tries,
                trace=contexts.current().trace,
            )
        )

    async def _once(self, call: Call) -> Any:
        # A process that was stopped for longer than its lease must not call anybody before it knows that the saga
        # is still its own: the refusal of a call that others have given up on is not remembered everywhere.
        if self._around.clock.now() >= self._lease.until:
            await self._journal.hold(self._lease)
        if call.tries > 1:
            recorded = await self._journal.step(self._saga.id, call.name, call.kind)
            if recorded is not None and recorded.outcome == "done":  # by a try whose commit was not answered
                return call.read(recorded.result)
        result = await self._journal.writing(self._lease, lambda: self._work(call))
        (points.UNDO_JOURNALED if call.kind == "undo" else points.JOURNALED).reached()
        return result

    async def _work(self, call: Call) -> Any:
        undoing = call.kind == "undo"
        (points.UNDOING if undoing else points.CALLING).reached()
        with contexts.use(self._context(call)):
            result = await (call.function() if call.timeout is None else _within(call.timeout, call.function))
        (points.UNDONE if undoing else points.CALLED).reached()
        text, result = (None, None) if call.decoder is None else self._kept(call, call.decoder, result)
        if not in_transaction():
            call.answered = True
        self._journal.db.unit_of_work().relax()  # a call that opened no transaction leaves only the journal to write
        self._journal.record(self._lease, self.row(call, "done", result=text))
        return result

    def _context(self, call: Call) -> Context:
        key = f"{self._saga.id}:{call.name}:undo" if call.kind == "undo" else f"{self._saga.id}:{call.name}"
        context = contexts.current()
        deadline = None if call.timeout is None else machine().monotonic() + call.timeout
        return msgspec.structs.replace(context, idempotency_key=key, deadline=deadline)

    def _kept(self, call: Call, decoder: Decoder, result: Any) -> tuple[str, Any]:
        """Return a result as text, and as every later life of the saga will read it."""
        try:
            text = msgspec.json.encode(result)
            return text.decode(), decoder.decode(text)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            misfit = f"{self._named(call)} returned what cannot be kept as the type its method declares: {error}"
            if in_transaction():  # all that it did is undone
                raise DeclarationError(misfit) from error
            raise Unkept(misfit) from error

    def _seconds(self, call: Call) -> float:
        return self._around.clock.monotonic() - call.began if call.began else 0.0

    def _named(self, call: Call) -> str:
        undo = "undo of " if call.kind == "undo" else ""
        return f"{undo}step {call.name!r} of saga {self._saga.name} {self._saga.id}"


async def _within(seconds: float, function: Callable[[], Awaitable[Any]]) -> Any:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await function()
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(f"it did not end within {seconds:g} s") from error
        raise


def _in_doubt(call: Call, error: Exception) -> bool:
    """Tell whether another service may have done its part though the call raised `error`."""
    if isinstance(error, StorageError):  # of a local step the journal tells; of a remote one it was not written
        return call.answered
    return may_pass(error) or (isinstance(error, AtollError) and error.in_doubt)
