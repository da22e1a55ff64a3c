"""The errors of the toolkit, and the one table from error code to HTTP status.

AtollError                      base of everything the toolkit raises; has `code` and `retryable`
├── SettingsError               one or more settings are wrong; lists every problem
├── DeclarationError            a contract, event, problem or service is declared wrongly (core.errors)
├── DeadlineExceeded            the caller's time ran out before the work was done
├── Problem                     a domain error that crosses the wire (atoll.contracts)
├── BadRequest …                a request the service refuses (atoll.service)
├── CallError                   a call to another service gave no answer (atoll.clients)
├── RegistryError               the service registry refused or was not reachable (atoll.discovery)
├── MessagingError              the broker refused or was not reachable (atoll.messaging)
├── StorageError                the database refused (atoll.storage)
├── SagaError                   a saga could not be run (atoll.saga)
├── ProjectionError             a view is behind, or cannot be changed as asked (atoll.projections)
├── SecurityError               a token, key or password was not accepted (atoll.security)
├── GatewayError                the gateway's configuration was refused (atoll.gateway)
└── PlatformError               the local platform could not do what was asked (atoll.system)

A package's own errors derive from one base of that package; adapters wrap driver errors `from` their cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final


class AtollError(Exception):
    """Base of every error the toolkit raises.

    `code` is stable and part of the interface; `retryable` says whether the same request may succeed later;
    `in_doubt` whether what was asked for may have been done all the same.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    in_doubt: bool = False


class SettingsError(AtollError):
    """The settings are wrong; `problems` holds one sentence for each, and the message lists them all."""

    code = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class DeclarationError(AtollError):
    """Something is declared in a way that cannot work; the message says where and what to write instead."""

    code = "declaration"


class DeadlineExceeded(AtollError):
    """The time the caller gave is used up. A command's outcome may be unknown: retry with the same key."""

    code = "deadline_exceeded"
    retryable = True


HTTP_STATUS: Final[dict[str, int]] = {
    "malformed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "in_progress": 409,
    "conflict": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid": 422,
    "key_reused": 422,
    "rate_limited": 429,
    "headers_too_large": 431,
    "internal": 500,
    "undone": 500,
    "unavailable": 503,
    "given_up": 503,
    "deadline_exceeded": 504,
}


def http_status(code: str) -> int:
    """Return the HTTP status for an error code; 500 for one that is not listed."""
    return HTTP_STATUS.get(code, 500)
