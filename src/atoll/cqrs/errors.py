"""What is refused before, or instead of, being handled.

Refused (AtollError)
├── InvalidMessage              a field of the message breaks its own rules; has `field`
├── Unauthenticated             nobody is signed in where somebody must be, or the token is not valid
├── Forbidden                   somebody is, but not with the role that is needed
├── InvalidKey                  the idempotency key is empty or too long
├── RequestInProgress           the same idempotency key is being worked on
└── KeyReused                   the idempotency key was used for something else
"""

from __future__ import annotations

from collections.abc import Mapping

from atoll.core.errors import AtollError


class Refused(AtollError):
    """Base: nothing was run. Over HTTP `headers` go with the answer, `fields` into its document."""

    headers: Mapping[str, str] = {}
    fields: Mapping[str, str] = {}


class InvalidMessage(Refused):
    """`field` is the JSON path of what is wrong."""

    code = "invalid"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field
        self.fields = {"field": field} if field else {}


class Unauthenticated(Refused):
    """Somebody must be signed in, and nobody is, or the token is not valid."""

    code = "unauthenticated"
    headers: Mapping[str, str] = {"www-authenticate": "Bearer"}


class Forbidden(Refused):
    """The one who asks may not."""

    code = "forbidden"


class InvalidKey(Refused):
    """The idempotency key is none."""

    code = "malformed"


class RequestInProgress(Refused):
    """The same idempotency key is being worked on."""

    code = "in_progress"
    retryable = True
    headers: Mapping[str, str] = {"retry-after": "1"}


class KeyReused(Refused):
    """The idempotency key was used for something else."""

    code = "key_reused"
