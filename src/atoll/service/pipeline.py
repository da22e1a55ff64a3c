"""What happens around every operation: who asks, how long there is, once only, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from atoll.contracts import Operation
from atoll.core.context import Context
from atoll.core.errors import DeadlineExceeded
from atoll.saga import is_saga
from atoll.service.codec import OperationCodec
from atoll.service.errors import Forbidden, KeyReused, MalformedRequest, RequestInProgress, Unauthenticated
from atoll.service.http import Reply, Request
from atoll.storage import Database, KeyTaken, StoredReply

MAX_KEY: Final = 255


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """One operation, ready to be called."""

    operation: Operation
    codec: OperationCodec
    method: Callable[..., Awaitable[Any]]
    run: Callable[[Endpoint, Request, Context], Awaitable[Reply]]


class Pipeline:
    """Runs operations. A query just runs; a command runs in a unit of work that also keeps its reply."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._in_hand: set[str] = set()

    def endpoint(self, operation: Operation, method: Callable[..., Awaitable[Any]]) -> Endpoint:
        """Compile what does not change between requests."""
        run = self._plain if operation.kind == "query" or is_saga(method) else self._command
        return Endpoint(operation=operation, codec=OperationCodec(operation), method=method, run=run)

    async def handle(self, endpoint: Endpoint, request: Request, context: Context) -> Reply:
        """Run the operation under `context`, which is the current one. Raises what the operation raises."""
        check_access(endpoint.operation, context)
        context.check_deadline()
        try:
            async with asyncio.timeout(context.remaining()):
                return await endpoint.run(endpoint, request, context)
        except TimeoutError as error:
            raise DeadlineExceeded(f"{endpoint.operation.id} did not end in time") from error

    async def _plain(self, endpoint: Endpoint, request: Request, context: Context) -> Reply:
        return endpoint.codec.reply(await endpoint.method(**endpoint.codec.arguments(request)))

    async def _command(self, endpoint: Endpoint, request: Request, context: Context) -> Reply:
        arguments = endpoint.codec.arguments(request)
        if context.idempotency_key is None:
            return await self._db.atomic(lambda: _answer(endpoint, arguments))
        key = scoped_key(context)
        if key in self._in_hand:
            raise RequestInProgress("a request with this idempotency key is being worked on; ask again soon")
        self._in_hand.add(key)
        try:
            return await self._once(endpoint, arguments, key, fingerprint(request))
        finally:
            self._in_hand.discard(key)

    async def _once(self, endpoint: Endpoint, arguments: dict[str, Any], key: str, digest: str) -> Reply:
        replies = self._db.replies
        if (stored := await replies.find(key)) is not None:
            return _again(stored, digest)

        async def work() -> Reply:
            replies.claim(key, digest)
            reply = await _answer(endpoint, arguments)
            replies.save(key, StoredReply(fingerprint=digest, status=reply.status, body=reply.body))
            return reply

        try:
            return await self._db.atomic(work)
        except KeyTaken:  # another replica was faster; nothing was done here
            return _again(await replies.find(key), digest)


async def _answer(endpoint: Endpoint, arguments: dict[str, Any]) -> Reply:
    return endpoint.codec.reply(await endpoint.method(**arguments))


def check_access(operation: Operation, context: Context) -> None:
    """Hold the caller to what the contract asks of end users. Raises Unauthenticated or Forbidden."""
    if operation.anonymous or not (operation.public or operation.roles):
        return
    if context.principal is None:
        raise Unauthenticated(f"{operation.id} needs a bearer token")
    if operation.roles and not context.principal.roles.intersection(operation.roles):
        raise Forbidden(f"{operation.id} needs the role {' or '.join(operation.roles)}")


def scoped_key(context: Context) -> str:
    """Return the idempotency key as it is stored: a user cannot ask for another user's reply."""
    key = (context.idempotency_key or "").strip().strip('"')
    if not key or len(key) > MAX_KEY:
        raise MalformedRequest(f"the Idempotency-Key must have 1 to {MAX_KEY} characters")
    subject = context.principal.subject if context.principal else ""
    return f"{subject}:{key}"


def fingerprint(request: Request) -> str:
    """Return a digest of what was asked, to tell a repetition from another request with the same key."""
    parts = (request.method.encode(), request.path.encode(), request.query.encode(), request.body)
    return sha256(b"\x00".join(parts)).hexdigest()


def _again(stored: StoredReply | None, digest: str) -> Reply:
    if stored is None:
        raise RequestInProgress("the reply under this idempotency key is being removed; ask again soon")
    if stored.fingerprint != digest:
        raise KeyReused("this idempotency key was used for another request; use a new key")
    return Reply(
        status=stored.status,
        body=stored.body,
        content_type=stored.content_type,
        headers={"idempotency-replayed": "true"},
    )
