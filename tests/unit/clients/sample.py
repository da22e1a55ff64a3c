"""A contract, and what stands in for the network around its clients."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from atoll.clients.port import Reply, Request
from atoll.contracts import Problem, command, contract, query
from atoll.discovery.port import Instance


class Reserve(msgspec.Struct, frozen=True):
    sku: str
    amount: int
    notes: frozenset[str] = frozenset()


class Reservation(msgspec.Struct, frozen=True):
    id: str


class OutOfStock(Problem, status=409):
    """There is not enough of this product."""

    sku: str
    available: int


class Closed(Problem, status=503):
    """The warehouse is closed."""


@contract("inventory")
class Inventory(Protocol):
    """Stock on hand."""

    @command("POST /reservations", raises=[OutOfStock, Closed])
    async def reserve(self, request: Reserve) -> Reservation:
        """Hold goods back."""
        ...

    @command("DELETE /reservations/{reservation_id}")
    async def release(self, reservation_id: str) -> None: ...

    @query("GET /stock/{sku}")
    async def stock(self, sku: str, at: str | None = None) -> int: ...

    @query("GET /stock")
    async def search(self, text: str, *, tags: Sequence[str] = (), limit: int = 10) -> list[str]: ...


def instance(name: str = "a", port: int = 1) -> Instance:
    return Instance(id=name, service="inventory", host="127.0.0.1", port=port)


def reply(status: int = 200, body: bytes = b"7", **headers: str) -> Reply:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=fields, body=body)


def problem(status: int, **document: object) -> Reply:
    return reply(status, msgspec.json.encode(document), content_type="application/problem+json")


Answer = Reply | Exception | Callable[[], Awaitable[Reply]]


class ScriptedTransport:
    """Gives its answers in turn, the last one for ever, and notes what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.instances: list[str] = []
        self.timeouts: list[float] = []
        self.closed = False

    async def send(self, instance: Instance, request: Request, *, timeout: float) -> Reply:
        self.requests.append(request)
        self.instances.append(instance.id)
        self.timeouts.append(timeout)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else await answer()

    async def close(self) -> None:
        self.closed = True


class FixedResolver:
    def __init__(self, *instances: Instance) -> None:
        self.found: Sequence[Instance] = instances

    async def instances(self, service: str) -> Sequence[Instance]:
        return self.found


class JumpingClock:
    """The real clock, but sleeping takes no time: it jumps. Notes how long each sleep would have been."""

    def __init__(self) -> None:
        self.jumped = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return time.time() + self.jumped

    def monotonic(self) -> float:
        return time.monotonic() + self.jumped

    async def sleep(self, seconds: float) -> None:
        self.jumped += seconds
        self.sleeps.append(seconds)
