"""A command under an idempotency key is carried out once, and answered the same again.

Source: the Idempotency-Key header, draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

from typing import Any, Final

from atoll.core import context as contexts
from atoll.core.context import Context
from atoll.cqrs.chain import Kept, Middleware, Route, Step
from atoll.cqrs.errors import InvalidKey, KeyReused, RequestInProgress
from atoll.storage import Database, KeyTaken, StoredReply

MAX_KEY: Final = 255


def once(db: Database) -> Middleware:
    """Run commands that carry a key in a unit of work that also keeps their result, and give it back from then on.

    Without a key it does nothing, and of what keeps its own journal it only checks the key. Raises InvalidKey,
    RequestInProgress, KeyReused.
    """
    in_hand: dict[str, str] = {}

    def wrap(route: Route, after: Step) -> Step:
        if route.kind == "query":
            return after

        async def run(message: Any) -> Any:
            context = contexts.current()
            if context.idempotency_key is None:
                return await after(message)
            key = scoped_key(context)
            if route.durable:
                return await after(message)
            digest = route.digest(message)
            if (running := in_hand.get(key)) is not None:
                _check_same(running, digest)
                raise RequestInProgress("a request with this idempotency key is being worked on; ask again soon")
            in_hand[key] = digest
            try:
                return await _once(db, route, after, message, key, digest)
            finally:
                del in_hand[key]

        return run

    return wrap


async def _once(db: Database, route: Route, after: Step, message: Any, key: str, digest: str) -> Any:
    replies = db.replies
    if (stored := await replies.find(key)) is not None:
        return _again(route, stored, digest)

    async def work() -> Any:
        replies.claim(key, digest)
        result = await after(message)
        kept = route.keep(result)
        replies.save(
            key, StoredReply(fingerprint=digest, status=kept.status, body=kept.body, content_type=kept.content_type)
        )
        return result

    try:
        return await db.atomic(work)
    except KeyTaken:  # another replica was faster; nothing was done here
        return _again(route, await replies.find(key), digest)


def scoped_key(context: Context) -> str:
    """Return the idempotency key as it is stored: nobody can ask for another user's reply."""
    key = (context.idempotency_key or "").strip().strip('"')
    if not key or len(key) > MAX_KEY:
        raise InvalidKey(f"the Idempotency-Key must have 1 to {MAX_KEY} characters")
    subject = context.principal.subject if context.principal else ""
    return f"{subject}:{key}"


def _again(route: Route, stored: StoredReply | None, digest: str) -> Any:
    if stored is None:
        raise RequestInProgress("the reply under this idempotency key is being removed; ask again soon")
    _check_same(stored.fingerprint, digest)
    return route.restore(Kept(body=stored.body, status=stored.status, content_type=stored.content_type))


def _check_same(known: str, digest: str) -> None:
    if known != digest:
        raise KeyReused("this idempotency key was used for another request; use a new key")
