"""The errors of the saga package.

SagaError
├── SagaRunning         the caller's time is up, the saga goes on; ask again under the same key
├── SagaParked          something could not be done or undone; an operator must decide
├── SagaFailed          the saga was compensated because of an error that is not a Problem
│   └── SagaGivenUp     … because something it needs stayed away; a new saga may succeed
├── KeyReused           the same saga id with another input
├── LeaseLost           another worker has taken the saga over; nothing more may be written
├── EventMissing        the event that the saga waited for did not come in time
├── SagaChanged         the code does not fit what the saga's journal holds
├── SagaUnknown         an operator named a saga that is not there
└── NotDecidable        an operator decided what cannot be: the saga is not parked, or the value does not fit
"""

from __future__ import annotations

from atoll.core.errors import AtollError


class SagaError(AtollError):
    """Base of the package; `saga_id` names the saga."""

    def __init__(self, saga_id: str, message: str) -> None:
        self.saga_id = saga_id
        super().__init__(message)


class SagaRunning(SagaError):
    """The saga has not ended within the caller's time. It goes on; the same key asks for its outcome."""

    code = "in_progress"
    retryable = True


class SagaParked(SagaError):
    """Something could not be done or undone. The saga waits for an operator (`atoll sagas`)."""


class SagaFailed(SagaError):
    """An unexpected error ended the saga; what it had done is undone. Under this key that stays the answer."""

    code = "undone"


class SagaGivenUp(SagaFailed):
    """Something the saga needs stayed away for too long; what it had done is undone. Ask again under a new key."""

    code = "given_up"


class KeyReused(SagaError):
    """The idempotency key belongs to a saga with another input."""

    code = "key_reused"


class LeaseLost(SagaError):
    """The fencing epoch has moved on: another worker runs this saga."""


class EventMissing(SagaError):
    """The event that the saga waited for did not come in time. Unless it is caught, the saga compensates."""

    code = "deadline_exceeded"


class SagaChanged(SagaError):
    """The code that is to go on with a saga does not come to the steps that its journal holds."""


class SagaUnknown(SagaError):
    """There is no saga of this id."""

    code = "not_found"


class NotDecidable(SagaError):
    """What an operator decided cannot be done with the saga as it is; the message says why and what can."""

    code = "conflict"
