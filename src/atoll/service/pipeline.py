"""What happens around every operation: who asks, how long there is, once only, all or nothing.

It is the chain of `atoll.cqrs`, with a request as the message and a reply as the result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from atoll.contracts import Operation
from atoll.core import context as contexts
from atoll.core.errors import DeadlineExceeded
from atoll.cqrs import Kept, Middleware, Route, Step, authorized, chained, in_unit_of_work, once
from atoll.saga import is_saga
from atoll.service.codec import OperationCodec
from atoll.service.etags import tagged
from atoll.service.http import Reply, Request
from atoll.storage import Database

Handle = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation, ready to be called. `handle` raises what the operation and its middleware raise."""

    operation: Operation
    handle: Handle


class Asked(NamedTuple):
    """A request and the arguments that were read from it."""

    request: Request
    arguments: dict[str, Any]


class Pipeline:
    """Runs operations. A query just runs; a command runs in a unit of work that also keeps its reply."""

    def __init__(self, db: Database) -> None:
        self._work: Sequence[Middleware] = (once(db), in_unit_of_work(db))

    def endpoint(self, operation: Operation, method: Callable[..., Awaitable[Any]]) -> Endpoint:
        """Compile what does not change between requests."""
        codec = OperationCodec(operation)

        async def answer(asked: Asked) -> Reply:
            return codec.reply(await method(**asked.arguments))

        route = route_of(operation, durable=is_saga(method))
        around = (authorized, timely, tagged, decoded(codec), *self._work)
        return Endpoint(operation=operation, handle=chained(route, around, answer))


def route_of(operation: Operation, *, durable: bool) -> Route:
    """Return what an operation's contract asks of those who call it."""
    return Route(
        name=operation.id,
        kind=operation.kind,
        authenticated=operation.public and not operation.anonymous,
        roles=frozenset() if operation.anonymous else frozenset(operation.roles),
        durable=durable,
        digest=lambda asked: fingerprint(asked.request),
        keep=lambda reply: Kept(body=reply.body, status=reply.status),
        restore=_replayed,
    )


def timely(route: Route, after: Step) -> Step:
    """End the work at the deadline of the context in hand. Raises DeadlineExceeded."""

    async def run(message: Any) -> Any:
        context = contexts.current()
        context.check_deadline()
        try:
            async with asyncio.timeout(context.remaining()):
                return await after(message)
        except TimeoutError as error:
            raise DeadlineExceeded(f"{route.name} did not end in time") from error

    return run


def decoded(codec: OperationCodec) -> Middleware:
    """Read the arguments from the request. Raises MalformedRequest, InvalidRequest, UnsupportedMediaType."""

    def wrap(route: Route, after: Step) -> Step:
        async def run(request: Request) -> Any:
            return await after(Asked(request, codec.arguments(request)))

        return run

    return wrap


def fingerprint(request: Request) -> str:
    """Return a digest of what was asked, to tell a repetition from another request with the same key."""
    parts = (request.method.encode(), request.path.encode(), request.query.encode(), request.body)
    return sha256(b"\x00".join(parts)).hexdigest()


def _replayed(kept: Kept) -> Reply:
    return Reply(
        status=kept.status,
        body=kept.body,
        content_type=kept.content_type,
        headers={"idempotency-replayed": "true"},
    )
