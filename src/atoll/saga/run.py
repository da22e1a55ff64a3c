"""One execution of one saga: steps answered from the journal or performed, and compensation in reverse."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from atoll.core import context as contexts
from atoll.core.errors import DeclarationError
from atoll.resilience import RetryPolicy
from atoll.saga.answers import decoder_for
from atoll.saga.attempts import Attempts, Call, Surroundings
from atoll.saga.errors import LeaseLost, SagaChanged
from atoll.saga.failures import (
    Exhausted,
    Interrupted,
    Park,
    Unkept,
    Unwind,
    document_of,
    error_from,
    is_final,
    may_pass,
)
from atoll.saga.points import TURNED
from atoll.saga.replay import Recorded, digest_of
from atoll.saga.rows import Kind, Lease, SagaRow, StepRow
from atoll.storage import StorageError

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class Run:
    """The state of one execution. `row` is the saga as it was claimed, `recorded` what its journal holds."""

    def __init__(self, row: SagaRow, lease: Lease, recorded: list[StepRow], around: Surroundings) -> None:
        self.row = row
        self.lease = lease
        self.around = around
        self.journal = around.journal
        self.compensating = row.turned_at is not None
        self.cause = row.cause
        self.pivoted = False
        self.recorded = Recorded(row, recorded)
        self._attempts = Attempts(row, lease, around)
        self._undos: dict[str, Call] = {}

    async def step(
        self,
        name: str,
        function: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        *,
        undo: Callable[[T], Awaitable[object]] | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        pivot: bool = False,
    ) -> T:
        """See Saga.step and Saga.pivot."""
        decoder = decoder_for(name, function)
        digest = digest_of(args)
        place, recorded = self.reach(name, "step", digest)
        call = Call(
            name=name,
            kind="step",
            place=place,
            digest=digest,
            function=lambda: function(*args),
            decoder=decoder,
            retry=retry,
            timeout=timeout,
            pivot=pivot,
        )
        with own_span():
            result: T = await self._result(call, recorded)
        self.pivoted = self.pivoted or pivot
        if undo is not None:
            self._undos[name] = Call(name=name, kind="undo", place=place, function=lambda: undo(result))
        if self.compensating and not _is_done(recorded):
            raise Unwind
        return result

    def reach(self, name: str, kind: Kind, digest: str) -> tuple[int, StepRow | None]:
        """Number the step that the code has come to; what is recorded of it. Stops code that has changed."""
        try:
            place, recorded = self.recorded.reach(name, kind, digest)
        except SagaChanged as error:
            raise Park(error) from error
        if self.compensating and (recorded is None or recorded.outcome in ("waiting", "stuck")):
            raise Unwind
        return place, recorded

    async def compensate(self) -> None:
        """Undo what was done, the latest first. Raises Park when something cannot be undone."""
        for name, undo in reversed(self._undos.items()):
            if not self.recorded.is_undone(name):
                with own_span():
                    await self._undo(undo)

    async def turn(self, error: BaseException) -> None:
        """Note that compensation begins, with its cause."""
        if not self.compensating:
            cause = self.cause = document_of(error)

            async def work() -> None:
                self.journal.turn(self.lease, cause)

            await self._noted(work)

    async def _result(self, call: Call, recorded: StepRow | None) -> Any:
        if recorded is None or recorded.outcome == "stuck":
            return await self._perform(call)
        if recorded.outcome == "unknown":
            return await self._settle(call)
        if recorded.outcome == "failed":
            raise error_from(recorded.error)
        if recorded.outcome == "skipped":
            return self._given(call, recorded)
        return call.read(recorded.result)

    def _given(self, call: Call, recorded: StepRow) -> Any:
        """What an operator gave as the result of a step that was skipped."""
        if self.compensating and recorded.result is None:
            raise Unwind
        try:
            return call.read(recorded.result)
        except msgspec.MsgspecError as error:
            misfit = DeclarationError(
                f"step {call.name!r} was skipped with a result that does not fit ({error}); "
                "skip it again, with a result that does"
            )
            raise Park(misfit, step=self._attempts.row(call, "stuck", error=misfit)) from error

    async def _perform(self, call: Call) -> Any:
        if self.pivoted:
            return await self._insist(call, call.retry or self.around.settle, _never)
        try:
            return await self._attempts.make(call, call.retry or self.around.step, _is_failure)
        except Exhausted as over:
            return await (self._settle(call) if call.pivot else self._unknown(call, over.error))
        except Unkept as error:
            raise self._stuck(call, error) from error
        except LeaseLost:
            raise
        except Exception as error:
            await self._note_failure(call, error)
            raise

    async def _unknown(self, call: Call, error: Exception) -> Any:
        cause = self.cause = document_of(error)

        async def work() -> None:
            self.journal.record(self.lease, self._attempts.row(call, "unknown", error=error))
            self.journal.turn(self.lease, cause)

        await self._noted(work)
        self._attempts.told(call, "unknown")
        return await self._settle(call)

    async def _settle(self, call: Call) -> Any:
        """Learn what became of a step: it is to be undone, or decides as a pivot whether to go forward or back."""
        try:
            return await self._insist(call, self.around.settle, is_final)
        except LeaseLost:
            raise
        except Exception as error:
            await self._note_failure(call, error)
            if self.compensating:
                raise Unwind from error
            raise

    async def _undo(self, call: Call) -> None:
        try:
            await self._insist(call, self.around.settle, is_final)
        except LeaseLost:
            raise
        except Exception as error:
            raise self._stuck(call, error) from error

    async def _insist(self, call: Call, policy: RetryPolicy, is_answer: Callable[[Exception], bool]) -> Any:
        """Try for long, and then park the saga. Raises at once what `is_answer` says is one."""
        try:
            return await self._attempts.make(call, policy, lambda error, doubt: is_answer(error))
        except Exhausted as over:
            raise self._stuck(call, over.error) from over.error
        except Unkept as error:
            raise self._stuck(call, error) from error

    def _stuck(self, call: Call, error: BaseException) -> Park:
        unknown = call.kind == "step" and self.compensating
        row = self._attempts.row(call, "unknown" if unknown else "stuck", error=error)
        return Park(error, kind=call.kind, step=row)

    async def _note_failure(self, call: Call, error: Exception) -> None:
        async def work() -> None:
            self.journal.record(self.lease, self._attempts.row(call, "failed", error=error))

        await self._noted(work, turning=False)
        self._attempts.told(call, "failed")

    async def _noted(self, work: Callable[[], Awaitable[None]], *, turning: bool = True) -> None:
        with interrupting():
            await self.journal.writing(self.lease, work)
        if turning:
            self.compensating = True
            TURNED.reached()


def _never(error: Exception) -> bool:
    return False


def _is_failure(error: Exception, doubt: bool) -> bool:
    return is_final(error) or not (doubt or may_pass(error))


def _is_done(recorded: StepRow | None) -> bool:
    return recorded is not None and recorded.outcome in ("done", "skipped", "failed")


@contextmanager
def interrupting() -> Generator[None]:
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
