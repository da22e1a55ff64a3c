"""What a failure means: whether it may pass, whether it is final, and how it is written down."""

from __future__ import annotations

from typing import Any

import msgspec

from atoll.contracts import Problem, problem_from
from atoll.core.errors import AtollError, http_status
from atoll.saga.errors import EventMissing
from atoll.saga.rows import Kind, StepRow


class Unwind(BaseException):
    """Leaves the saga's code, whatever it catches, so that compensation can begin."""


class Rest(BaseException):
    """Leaves the saga's code because it waits for long: the journal knows until when."""


class Park(BaseException):
    """Leaves the saga's code for good: an operator must decide. `step` is what is to be noted of where it is stuck."""

    def __init__(self, error: BaseException, *, kind: Kind = "step", step: StepRow | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.kind: Kind = kind
        self.step = step


class Interrupted(BaseException):
    """Leaves the saga's code because its journal cannot be written now: the saga stops here and will be resumed."""


class Exhausted(Exception):
    """The last attempt that a policy allows has failed, for a reason that may pass. `error` is what it raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Unkept(Exception):
    """A step that was done elsewhere returned what the journal cannot keep: somebody has to mend the code."""


def may_pass(error: BaseException) -> bool:
    """Tell whether the same call may succeed later: then its outcome is unknown, not failed."""
    if isinstance(error, AtollError):
        return error.retryable
    return isinstance(error, ConnectionError | TimeoutError)


def is_final(error: BaseException) -> bool:
    """Tell whether the same call under the same key will always be answered like this."""
    return isinstance(error, Problem) or (isinstance(error, AtollError) and error.code == "undone")


def document_of(error: BaseException) -> str:
    """Return an error as a problem document (RFC 9457), for the journal."""
    if isinstance(error, Problem):
        document = error.document()
    else:
        status = http_status("unavailable" if may_pass(error) or isinstance(error, EventMissing) else "internal")
        detail = str(error) or type(error).__name__
        document = {"type": "about:blank", "title": type(error).__name__, "detail": detail, "status": status}
    return msgspec.json.encode(document).decode()


def error_from(document: str | None) -> Problem:
    """Return the error that a recorded document stands for."""
    return problem_from(msgspec.json.decode(document or "{}", type=dict[str, Any]))
