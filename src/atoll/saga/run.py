"""One execution of one saga: steps answered from the journal or performed, and compensation in reverse."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from atoll.contracts import Problem, problem_from
from atoll.core import context as contexts
from atoll.core.clock import Clock
from atoll.core.errors import AtollError, DeclarationError, http_status
from atoll.core.hooks import Hooks
from atoll.resilience import RetryPolicy, full_jitter
from atoll.saga.errors import LeaseLost
from atoll.saga.journal import Journal, Kind, Lease, SagaRow, StepOutcome, StepRow
from atoll.saga.records import SagaStepFinished
from atoll.storage import StorageError, in_transaction

T = TypeVar("T")

STEP: Final = RetryPolicy(attempts=12, base=0.05, cap=2.0)
SETTLE: Final = RetryPolicy(attempts=40, base=0.1, cap=5.0)
"""For what must succeed: learning an unknown outcome, and undoing. After that the saga is parked."""

_logger = logging.getLogger(__name__)


class Unwind(BaseException):
    """Leaves the saga's code, whatever it catches, so that compensation can begin."""


class Park(BaseException):
    """Leaves the saga's code for good: an operator must decide."""


class Interrupted(BaseException):
    """Leaves the saga's code because its journal cannot be written now: the saga stops here and will be resumed."""


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What a run needs from outside."""

    journal: Journal
    hooks: Hooks
    clock: Clock
    random: Random = field(default_factory=Random)
    step: RetryPolicy = STEP
    settle: RetryPolicy = SETTLE


class Run:
    """The state of one execution. `row` is the saga as it was claimed."""

    def __init__(self, row: SagaRow, recorded: list[StepRow], around: Surroundings) -> None:
        self.row = row
        self.lease = Lease(row.id, row.epoch)
        self.compensating = row.status == "compensating"
        self._around = around
        self._recorded = {(step.kind, step.name): step for step in recorded}
        self._undos: dict[str, Callable[[], Awaitable[object]]] = {}
        self._names: set[str] = set()
        self._types: dict[str, Any] = {}
        self._tried: set[tuple[Kind, str]] = set()
        self._answered: set[str] = set()

    async def step(
        self,
        name: str,
        call: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        undo: Callable[[T], Awaitable[object]] | None,
    ) -> T:
        """See Saga.step."""
        self._claim_name(name)
        kind: type[T] = _result_type(name, call)
        self._types[name] = kind
        recorded = self._recorded.get(("step", name))
        if recorded is None and self.compensating:
            raise Unwind
        with own_span():
            if recorded is None:
                result = await self._perform(name, call, args)
            elif recorded.outcome == "unknown":
                result = await self._settle(name, call, args)
            else:
                result = _replayed(recorded, kind)
        if undo is not None:
            self._undos[name] = lambda: undo(result)
        if self.compensating and (recorded is None or recorded.outcome == "unknown"):
            raise Unwind
        return result

    async def compensate(self) -> None:
        """Undo what was done, the latest first. Raises Park when something cannot be undone."""
        for name, undo in reversed(self._undos.items()):
            if ("undo", name) not in self._recorded:
                with own_span():
                    await self._insist(name, "undo", undo)

    async def turn(self, error: BaseException) -> None:
        """Note that compensation begins, with its cause."""
        if not self.compensating:
            async with self._around.journal.db.transaction("read committed"):
                await self._around.journal.turn(self.lease, _cause(error))
            self.compensating = True

    def _claim_name(self, name: str) -> None:
        if name in self._names:
            raise DeclarationError(f"saga {self.row.name} has two steps called {name!r}; give each its own name")
        self._names.add(name)

    async def _perform(self, name: str, call: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
        policy, began, doubt = self._around.step, time.monotonic(), False
        for attempt in range(1, policy.attempts + 1):
            try:
                result = await self._once(name, "step", lambda: call(*args), attempt)
            except Exception as error:
                if isinstance(error, LeaseLost):
                    raise
                doubt = doubt or self._in_doubt(name, error)
                if is_final(error) or not (doubt or may_pass(error)):
                    await self._note_failure(name, error, attempt)
                    self._told(name, "failed", began, attempt)
                    raise
                _logger.info("step %s of saga %s: attempt %s failed: %s", name, self.row.id, attempt, error)
                if attempt == policy.attempts:
                    return await self._unknown(name, call, args, error, began)
                await self._around.clock.sleep(full_jitter(policy, attempt, self._around.random.random))
            else:
                self._told(name, "done", began, attempt)
                return result
        raise AssertionError("unreachable: a retry policy has at least one attempt")

    async def _unknown(
        self,
        name: str,
        call: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        error: Exception,
        began: float,
    ) -> T:
        around = self._around
        step = self._row(name, "step", "unknown", around.step.attempts, error=_cause(error))
        with _interrupting():
            async with around.journal.db.transaction("read committed"):
                await around.journal.record(self.lease, step)
                await around.journal.turn(self.lease, _cause(error))
        self.compensating = True
        self._told(name, "unknown", began, around.step.attempts)
        return await self._settle(name, call, args)

    async def _settle(self, name: str, call: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
        try:
            return await self._insist(name, "step", lambda: call(*args))
        except Exception as error:
            if isinstance(error, LeaseLost):
                raise
            await self._note_failure(name, error, 1)
            raise Unwind from error

    async def _insist(self, name: str, kind: Kind, call: Callable[[], Awaitable[T]]) -> T:
        policy, began = self._around.settle, time.monotonic()
        for attempt in range(1, policy.attempts + 1):
            try:
                result = await self._once(name, kind, call, attempt)
            except Exception as error:
                if isinstance(error, LeaseLost) or (kind == "step" and is_final(error)):
                    raise
                _logger.warning("%s of step %s of saga %s failed: %s", kind, name, self.row.id, error)
                if is_final(error) or attempt == policy.attempts:
                    raise Park from error
                await self._around.clock.sleep(full_jitter(policy, attempt, self._around.random.random))
            else:
                self._told(name, "undone" if kind == "undo" else "done", began, attempt)
                return result
        raise AssertionError("unreachable: a retry policy has at least one attempt")

    async def _once(self, name: str, kind: Kind, call: Callable[[], Awaitable[T]], attempt: int) -> T:
        if (kind, name) in self._tried:
            recorded = await self._around.journal.step(self.row.id, name, kind)
            if recorded is not None and recorded.outcome == "done":  # by a try whose commit was not answered
                return _replayed(recorded, self._types[name] if kind == "step" else type(None))  # type: ignore[no-any-return]
        self._tried.add((kind, name))
        return await self._around.journal.db.atomic(lambda: self._work(name, kind, call, attempt))

    async def _work(self, name: str, kind: Kind, call: Callable[[], Awaitable[T]], attempt: int) -> T:
        key = f"{self.row.id}:{name}" if kind == "step" else f"{self.row.id}:{name}:undo"
        journal = self._around.journal
        with contexts.use(msgspec.structs.replace(contexts.current(), idempotency_key=key)):
            result = await call()
        text = msgspec.json.encode(result).decode() if kind == "step" else None
        if not in_transaction():
            self._answered.add(name)
        journal.db.unit_of_work().relax()  # a call that opened no transaction leaves only the journal to write
        await journal.record(self.lease, self._row(name, kind, "done", attempt, result=text))
        return result

    def _in_doubt(self, name: str, error: Exception) -> bool:
        """Tell whether another service may have done its part though the step raised `error`."""
        if isinstance(error, StorageError):  # of a local step the journal tells; of a remote one it was not written
            return name in self._answered
        return may_pass(error) or (isinstance(error, AtollError) and error.in_doubt)

    async def _note_failure(self, name: str, error: Exception, attempts: int) -> None:
        step = self._row(name, "step", "failed", attempts, error=_cause(error))
        with _interrupting():
            async with self._around.journal.db.transaction("read committed"):
                await self._around.journal.record(self.lease, step)

    def _row(
        self,
        name: str,
        kind: Kind,
        outcome: StepOutcome,
        attempts: int,
        *,
        result: str | None = None,
        error: str | None = None,
    ) -> StepRow:
        return StepRow(
            name=name,
            kind=kind,
            outcome=outcome,
            result=result,
            error=error,
            attempts=attempts,
            time=self._around.clock.now(),
        )

    def _told(self, name: str, outcome: Any, began: float, attempts: int) -> None:
        self._around.hooks.emit(
            SagaStepFinished(
                saga=self.row.name,
                step=name,
                outcome=outcome,
                seconds=time.monotonic() - began,
                attempts=attempts,
                trace=contexts.current().trace,
            )
        )


@contextmanager
def _interrupting() -> Generator[None]:
    """Let trouble with the journal itself stop the run, instead of looking like a failure of the step."""
    try:
        yield
    except StorageError as error:
        raise Interrupted from error


@contextmanager
def own_span() -> Generator[None]:
    """Give a step, with all its tries, a span of its own below the saga's."""
    context = contexts.current()
    with contexts.use(msgspec.structs.replace(context, trace=context.trace.child())):
        yield


def may_pass(error: BaseException) -> bool:
    """Tell whether the same call may succeed later: then its outcome is unknown, not failed."""
    if isinstance(error, AtollError):
        return error.retryable
    return isinstance(error, ConnectionError | TimeoutError)


def is_final(error: BaseException) -> bool:
    """Tell whether the same call under the same key will always be answered like this."""
    return isinstance(error, Problem) or (isinstance(error, AtollError) and error.code == "undone")


def _replayed(step: StepRow, kind: type[T]) -> T:
    if step.outcome == "failed":
        raise problem_from(msgspec.json.decode(step.error or "{}", type=dict[str, Any]))
    return msgspec.json.decode(step.result or "null", type=kind)


def _result_type(name: str, call: Callable[..., Any]) -> Any:
    hints = get_type_hints(getattr(call, "__func__", call)) if not _is_lambda(call) else {}
    if "return" not in hints:
        raise DeclarationError(
            f"step {name!r} must call a method that declares what it returns, because its result is kept as that type"
        )
    return hints["return"]


def _is_lambda(call: Callable[..., Any]) -> bool:
    return getattr(call, "__name__", "") == "<lambda>"


def _cause(error: BaseException) -> str:
    if isinstance(error, Problem):
        document = error.document()
    else:
        status = http_status("unavailable" if may_pass(error) else "internal")
        document = {"type": "about:blank", "title": type(error).__name__, "detail": str(error), "status": status}
    return msgspec.json.encode(document).decode()
