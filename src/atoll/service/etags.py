"""Entity tags: a client that has an answer already is told so instead of being sent it again.

Source: RFC 9110 §8.8.3 and §13.1.2; RFC 9111 §5.2.2.4 (`no-cache`: keep it, but ask before it is used).
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Final

from atoll.cqrs import Route, Step
from atoll.service.http import Reply, Request

DIGITS: Final = 32


def tagged(route: Route, after: Step) -> Step:
    """Give the answer to a query its entity tag; 304 without a body to whoever named that in `If-None-Match`."""
    if route.kind != "query":
        return after
    caching = "private, no-cache" if route.authenticated else "no-cache"

    async def run(request: Request) -> Reply:
        reply: Reply = await after(request)
        if reply.status != 200 or not reply.body:
            return reply
        headers = {**reply.headers, "etag": tag_of(reply.body), "cache-control": caching}
        if names(request.headers.get("if-none-match", ""), headers["etag"]):
            return replace(reply, status=304, body=b"", headers=headers)
        return replace(reply, headers=headers)

    return run


def tag_of(body: bytes) -> str:
    """Return the strong tag of a body."""
    return f'"{sha256(body).hexdigest()[:DIGITS]}"'


def names(header: str, tag: str) -> bool:
    """Tell whether an `If-None-Match` names this tag; compared weakly, as §13.1.2 asks."""
    return header.strip() == "*" or any(each.strip().removeprefix("W/") == tag for each in header.split(","))
