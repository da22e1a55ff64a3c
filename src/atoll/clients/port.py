"""The two things a client needs from outside: who is there, and how to send one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from atoll.discovery.port import Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `target` is path and query, percent-encoded; `headers` have lower-case names.

    `replayable`: doing it twice does no harm, because it is safe or carries an idempotency key.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    replayable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One whole HTTP reply. `headers` have lower-case names; of a repeated header the values are joined by ', '."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends requests to instances. Never sends a request twice unless it is replayable."""

    async def send(self, instance: Instance, request: Request, *, timeout: float) -> Reply:
        """Return the reply, whatever its status. Cancellable; a cancelled request may have reached the service.

        Raises CallTimedOut after `timeout` seconds, ConnectionFailed and MalformedReply.
        """
        ...

    async def close(self) -> None:
        """Break off what is under way and release connections. Idempotent."""
        ...


class Resolver(Protocol):
    """Knows the instances of a service."""

    async def instances(self, service: str) -> Sequence[Instance]:
        """Return the passing instances, from memory where it can. An empty answer is an answer."""
        ...
