"""What travels with every call and message: trace, deadline, user, idempotency key, baggage.

The context is one frozen record in a context variable; `use` sets it for a block. Headers are those of
W3C Trace Context and Baggage, `x-request-id`, `idempotency-key`, and `x-envoy-expected-rq-timeout-ms`
(milliseconds that are left, so that Envoy's route timeout starts the deadline).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from atoll.core.errors import DeadlineExceeded
from atoll.core.ids import new_id
from atoll.core.machine import machine

DEADLINE_HEADER: Final = "x-envoy-expected-rq-timeout-ms"
IDEMPOTENCY_HEADER: Final = "idempotency-key"
MARGIN: Final = 0.02
"""Seconds a child call gets less than its caller has left, so that the answer can still travel."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAGGAGE_SAFE: Final = "!#$&'()*+-./:<=>?@[]^_`{|}~"
_BAGGAGE_MAX: Final = 8192


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The end user a request is made for; `token` is the bearer token it was proved with."""

    subject: str
    roles: frozenset[str] = frozenset()
    token: str = ""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One span's place in a trace (W3C Trace Context level 1): ids in lower-case hex."""

    trace_id: str
    span_id: str
    sampled: bool = False
    parent_id: str = ""

    def child(self) -> Trace:
        """A new span below this one."""
        return Trace(
            trace_id=self.trace_id,
            span_id=machine().random_bytes(8).hex(),
            sampled=self.sampled,
            parent_id=self.span_id,
        )

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The context of the work in hand. `deadline` is on the monotonic clock, in seconds."""

    request_id: str
    trace: Trace
    deadline: float | None = None
    principal: Principal | None = None
    idempotency_key: str | None = None
    baggage: Mapping[str, str] = {}

    def remaining(self) -> float | None:
        """Seconds left, never negative; None when there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - machine().monotonic())

    def check_deadline(self) -> None:
        """Raise DeadlineExceeded when no time is left."""
        if self.deadline is not None and self.deadline <= machine().monotonic():
            raise DeadlineExceeded("the deadline of this request has passed")


_current: ContextVar[Context | None] = ContextVar("atoll_context", default=None)


def current() -> Context:
    """Return the context of the work in hand; a fresh, unsampled one outside any request or message."""
    return _current.get() or new_context()


def find() -> Context | None:
    """Return the context of the work in hand; None outside any request or message."""
    return _current.get()


def new_context(*, sampled: bool = False, timeout: float | None = None) -> Context:
    """Begin a trace of its own. `timeout` is in seconds."""
    return Context(
        request_id=new_id(),
        trace=Trace(
            trace_id=machine().random_bytes(16).hex(), span_id=machine().random_bytes(8).hex(), sampled=sampled
        ),
        deadline=None if timeout is None else machine().monotonic() + timeout,
    )


@contextmanager
def use(context: Context) -> Generator[Context]:
    """Make `context` the current one within the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def set_current(context: Context) -> None:
    """Make `context` the current one for the rest of this task."""
    _current.set(context)


def inject(context: Context, *, margin: float = MARGIN) -> dict[str, str]:
    """Return the headers that carry `context` to a callee, with `margin` seconds less time than is left.

    Raises DeadlineExceeded when nothing would be left.
    """
    headers = {"traceparent": context.trace.traceparent, "x-request-id": context.request_id}
    if (left := context.remaining()) is not None:
        if left <= margin:
            raise DeadlineExceeded("no time is left for this call")
        headers[DEADLINE_HEADER] = str(int((left - margin) * 1000))
    if context.principal is not None and context.principal.token:
        headers["authorization"] = f"Bearer {context.principal.token}"
    if context.idempotency_key:
        headers[IDEMPOTENCY_HEADER] = context.idempotency_key
    if context.baggage:
        headers["baggage"] = ",".join(
            f"{key}={quote(value, safe=_BAGGAGE_SAFE)}"
            for key, value in context.baggage.items()
            if _TOKEN.fullmatch(key)
        )
    return headers


def extract(headers: Mapping[str, str], *, sampled: bool = False) -> Context:
    """Read the context from lower-case `headers`; what is missing or malformed begins anew.

    The user is not read here: a token counts only once it is verified. `sampled` decides for a new trace.
    """
    return Context(
        request_id=_clean(headers.get("x-request-id", "")) or new_id(),
        trace=_trace(headers.get("traceparent", ""), sampled=sampled),
        deadline=_deadline(headers.get(DEADLINE_HEADER)),
        idempotency_key=headers.get(IDEMPOTENCY_HEADER),
        baggage=_baggage(headers.get("baggage", "")),
    )


def _trace(header: str, *, sampled: bool) -> Trace:
    span_id = machine().random_bytes(8).hex()
    match = _TRACEPARENT.fullmatch(header)
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return Trace(trace_id=machine().random_bytes(16).hex(), span_id=span_id, sampled=sampled)
    return Trace(trace_id=match[1], span_id=span_id, sampled=bool(int(match[3], 16) & 1), parent_id=match[2])


def _deadline(header: str | None) -> float | None:
    if not header or not header.isdecimal() or len(header) > 12:
        return None
    return machine().monotonic() + int(header) / 1000


def _baggage(header: str) -> dict[str, str]:
    if not header or len(header) > _BAGGAGE_MAX:
        return {}
    pairs = (item.partition(";")[0].partition("=") for item in header.split(","))
    return {
        key.strip(): unquote(value.strip()) for key, equals, value in pairs if equals and _TOKEN.fullmatch(key.strip())
    }


def _clean(request_id: str) -> str:
    return request_id if len(request_id) <= 128 and request_id.isascii() and request_id.isprintable() else ""
