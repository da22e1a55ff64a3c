"""The errors of a call to another service.

CallError                       the call gave no result; `operation` names it once a proxy was called
├── Unavailable                 nobody took the call; it may succeed later
│   ├── NoInstances             the registry knows no passing instance
│   ├── CircuitOpen             every instance failed so often that its breaker is open
│   ├── ConnectionFailed        no connection, or it broke before the whole reply was there
│   └── Overloaded              the service answered 429, 502 or 503
├── CallTimedOut                no answer in the time there was (also a DeadlineExceeded)
├── Pending                     the service still works on this command: ask again with the same key
├── MalformedReply              what came back is not an HTTP reply within the limits
└── UnexpectedReply             a status or a body that the contract does not declare
    └── Undone                  the service gave this command up and has undone it; only a new key may succeed

The outcome of a command is unknown after an error with `in_doubt`: the service may have done it. Repeating it under
the same idempotency key is safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atoll.core.errors import AtollError, DeadlineExceeded


class CallError(AtollError):
    """Base of the package; the message begins with the operation, `contract.name`, that was called."""

    def __init__(self, message: str) -> None:
        self.operation = ""
        super().__init__(message)

    def __str__(self) -> str:
        message = super().__str__()
        return f"{self.operation}: {message}" if self.operation else message


class Unavailable(CallError):
    """The service did not take the call; the same call may succeed later."""

    code = "unavailable"
    retryable = True


class NoInstances(Unavailable):
    """The registry knows no instance of the service that passes its checks."""


class CircuitOpen(Unavailable):
    """Every known instance failed too often just now; calls are held back for a moment."""


class ConnectionFailed(Unavailable):
    """The connection could not be made or broke. `sent`: the request may have reached the service.

    `answered`: at least one byte of the reply had come.
    """

    def __init__(self, message: str, *, sent: bool, answered: bool = False) -> None:
        self.sent = sent
        self.in_doubt = sent
        self.answered = answered
        super().__init__(message)


class Overloaded(Unavailable):
    """The service, or a proxy before it, refused the call for now; `retry_after` in seconds, if it said.

    In doubt unless the status is 429: a proxy, or a commit that was not answered, may have lost the real reply.
    """

    def __init__(self, message: str, *, status: int, retry_after: float | None = None) -> None:
        self.status = status
        self.in_doubt = status != 429
        self.retry_after = retry_after
        super().__init__(message)


class CallTimedOut(CallError, DeadlineExceeded):
    """No answer came in the time there was."""

    in_doubt = True


class Pending(CallError):
    """The service has accepted the command and still works on it; the same key gets the result once it is there.

    `status` is 202, or 409 when another request with this key is being worked on. `location` is where to ask,
    if the service said so.
    """

    code = "in_progress"
    retryable = True
    in_doubt = True

    def __init__(self, message: str, *, status: int, location: str = "", retry_after: float | None = None) -> None:
        self.status = status
        self.location = location
        self.retry_after = retry_after
        super().__init__(message)


class MalformedReply(CallError):
    """The bytes that came back are not an HTTP reply, or exceed the limits on its header or body."""

    code = "malformed_reply"
    in_doubt = True


class UnexpectedReply(CallError):
    """The service answered, but not as the contract declares.

    `status` is that of the reply and `problem` its problem document (RFC 9457), empty when it had none. In doubt
    unless the status is 4xx: a 500 may come after the commit, and a result that cannot be read was one.
    """

    code = "unexpected_reply"

    def __init__(self, message: str, *, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.in_doubt = not 400 <= status < 500
        super().__init__(message)


class Undone(UnexpectedReply):
    """The service began this command, could not finish it, and has undone what it had done.

    The outcome is known and final: the same key gets the same answer. The same request under a new key may succeed.
    """

    code = "undone"

    def __init__(self, message: str, *, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(message, status=status, problem=problem)
        self.in_doubt = False
