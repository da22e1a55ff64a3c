"""The error that a reply other than success stands for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from atoll.clients.errors import CallTimedOut, Overloaded, Pending, Undone, UnexpectedReply
from atoll.clients.port import Reply
from atoll.contracts import Problem
from atoll.core.errors import AtollError

_REFUSED = frozenset({429, 502, 503})
_UNDONE = frozenset({"undone", "given_up"})


def error_of(reply: Reply, declared: Mapping[str, type[Problem]]) -> AtollError:
    """Return what to raise for `reply`: one of the `declared` problems (by `type`), or a CallError."""
    document = _document(reply)
    if (problem := _declared(document, declared)) is not None:
        return problem
    status, retry_after = reply.status, _seconds(reply.headers.get("retry-after", ""))
    if status == 202 or (status == 409 and document.get("code") == "in_progress"):
        location = reply.headers.get("location", "")
        message = "still being worked on; ask again with the same idempotency key"
        return Pending(message, status=status, location=location, retry_after=retry_after)
    message = _message(status, document)
    if str(document.get("code")) in _UNDONE:
        return Undone(message, status=status, problem=document)
    if status in _REFUSED:
        return Overloaded(message, status=status, retry_after=retry_after)
    if status == 504:
        return CallTimedOut(message)
    return UnexpectedReply(message, status=status, problem=document)


def _declared(document: dict[str, Any], declared: Mapping[str, type[Problem]]) -> Problem | None:
    kind = declared.get(str(document.get("type", "")))
    if kind is None:
        return None
    try:
        return kind.from_document(document)
    except msgspec.ValidationError:
        return None  # a problem of that name with other fields: UnexpectedReply hands over the whole document


def _document(reply: Reply) -> dict[str, Any]:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return {}
    try:
        return msgspec.json.decode(reply.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _message(status: int, document: Mapping[str, Any]) -> str:
    detail = document.get("detail") or document.get("title")
    return f"answered {status}: {detail}" if detail else f"answered {status}"


def _seconds(retry_after: str) -> float | None:
    """Seconds from a Retry-After field; None for a date, which the caller's own backoff replaces."""
    return float(retry_after) if retry_after.isdecimal() and len(retry_after) < 10 else None
